import { spawnSync } from 'node:child_process';
import { findSwiftShaderDriver } from '../../scripts/support/chromium.mjs';

/** For `describe.skipIf(!swiftShaderDriver)`: the driver comes with Debian's Chromium. */
export const swiftShaderDriver: string | undefined = findSwiftShaderDriver();

/**
 * Runs a JavaScript file in a Node process whose only adapter is Chromium's SwiftShader, and returns what it printed. A
 * process of its own, because the Vulkan loader reads its environment once.
 * @param script the absolute path of a module that Node can run as it is: it imports the built `dist/`
 * @throws with the error output if the process fails
 */
export function runOnSwiftShader(script: string, args: readonly string[] = []): string {
  if (swiftShaderDriver === undefined)
    throw new Error("There is no SwiftShader: it comes with Debian's package chromium");
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { ...process.env, VK_DRIVER_FILES: swiftShaderDriver },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${script} ended with ${signal ?? status}: ${stderr}`);
  return stdout;
}
