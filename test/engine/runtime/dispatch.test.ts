import { describe, expect, it } from 'vitest';
import { bindingUses } from '../../../engine/runtime/dispatch.ts';
import type { Kernel } from '../../../shaders/kernel.ts';

const tensor = (name: string, access: 'read' | 'write') => ({ name, element: 'f32', vector: 1, access }) as const;
const kernel: Kernel = {
  label: 'addition',
  bindings: [tensor('a', 'read'), tensor('b', 'read'), tensor('y', 'write')],
  parameters: [],
  workgroupSize: [1, 1, 1],
  workgroups: [1, 1, 1],
  body: '',
};

/** Buffers are told apart by identity only. */
const buffers = [{}, {}, {}] as GPUBuffer[];
const slice = (buffer: number, offset: number) => ({ buffer: buffers[buffer], offset, size: 256 });
const uses = (...places: (readonly [buffer: number, offset: number])[]) =>
  bindingUses(
    kernel,
    places.map(([buffer, offset]) => slice(buffer, offset)),
  ).map(({ owner, access }) => `${owner} ${access}`);

describe('bindingUses', () => {
  it('reads what lies in other buffers than the output', () => {
    expect(uses([0, 0], [1, 0], [2, 0])).toEqual(['0 read', '1 read', '2 read_write']);
    expect(uses([0, 0], [0, 256], [2, 0])).toEqual(['0 read', '1 read', '2 read_write']);
    expect(uses([0, 0], [0, 0], [2, 0])).toEqual(['0 read', '1 read', '2 read_write']);
  });

  it('binds for writing too what lies elsewhere in the buffer of the output', () => {
    expect(uses([2, 256], [1, 0], [2, 0])).toEqual(['0 read_write', '1 read', '2 read_write']);
    expect(uses([2, 256], [2, 512], [2, 0])).toEqual(['0 read_write', '1 read_write', '2 read_write']);
  });

  it('reads through the output what lies where it is written', () => {
    expect(uses([2, 0], [1, 0], [2, 0])).toEqual(['2 read_write', '1 read', '2 read_write']);
    expect(uses([2, 0], [2, 0], [2, 0])).toEqual(['2 read_write', '2 read_write', '2 read_write']);
  });

  it('refuses what only partly lies where it is written', () => {
    expect(() => uses([2, 128], [1, 0], [2, 0])).toThrow('addition: a overlaps y, which is written');
  });
});
