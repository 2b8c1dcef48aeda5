import { readFileSync } from 'node:fs';
import type { ElementHandle, Page } from 'puppeteer-core';
import { expect } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { launchBrowser, type TestBrowser } from './browser.ts';
import { intersectionOverUnion } from './detection-oracle.ts';

type Corners = readonly [number, number, number, number];

/** An object as the page lists it: whole pixels, and a score in percent. */
export interface ListedObject {
  readonly label: string;
  readonly percent: number;
  readonly box: Corners;
}

/** Serves the web example as `npm run web` does. */
export function launchWebExample(
  folders: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Promise<TestBrowser> {
  return launchBrowser({ '/': fromRoot('examples/web'), '/images/': fromRoot('examples/images'), ...folders }, flags);
}

/** The web example in a tab, used as people use it. */
export class WebExample {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the page and waits until it shows what the embedded network finds in the first scene. */
  static async open(browser: TestBrowser): Promise<WebExample> {
    return WebExample.of(await browser.open('/'));
  }

  /** As `open`, in a tab that is on its way to the page. */
  static async of(page: Page): Promise<WebExample> {
    const example = new WebExample(page);
    await example.expectSummary(/in scene-1\.jpg$/);
    return example;
  }

  text(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => element.textContent?.trim() ?? '');
  }

  isVisible(selector: string): Promise<boolean> {
    return this.page.$eval(selector, (element) => element.checkVisibility());
  }

  /** The error that the page shows; empty where it shows none. */
  async error(): Promise<string> {
    return (await this.isVisible('#error')) ? this.text('#error-text') : '';
  }

  /** Waits for text of an element. Fails at once where the page shows an error that isn't waited for. */
  async expectText(selector: string, pattern: RegExp): Promise<void> {
    const isError = selector === '#error-text';
    const condition = `(() => {
      const error = document.querySelector('#error');
      const text = document.querySelector(${JSON.stringify(selector)})?.textContent.trim() ?? '';
      return ${pattern}.test(text) || (!error.hidden && ${!isError});
    })()`;
    // After a timeout, the expectation below says what is there instead.
    await this.page.waitForFunction(condition, { timeout: 60_000 }).catch(() => {});
    if (!isError) expect(await this.error()).toBe('');
    expect(await this.text(selector)).toMatch(pattern);
  }

  /** The line under the picture says how many objects there are, once they were looked for. */
  expectSummary(pattern: RegExp): Promise<void> {
    return this.expectText('#summary', new RegExp(`^(No|\\d+) objects? ${pattern.source}`));
  }

  objects(): Promise<ListedObject[]> {
    return this.page.$$eval('#objects li', (items) =>
      items.map((item) => {
        const [x1, x2, y1, y2] = Array.from(item.title.matchAll(/\d+/g), Number);
        return {
          label: item.querySelector('.label')?.textContent ?? '',
          percent: Number.parseFloat(item.querySelector('.number')?.textContent ?? ''),
          box: [x1, y1, x2, y2] as const,
        };
      }),
    );
  }

  async choose(selector: string, file: string): Promise<void> {
    const input = (await this.page.$(selector)) as ElementHandle<HTMLInputElement>;
    await input.uploadFile(file);
  }

  /** Drops a file of the server on the page, or pastes it. */
  async give(how: 'drop' | 'paste', url: string, type: string): Promise<void> {
    const script = `(async () => {
      const blob = await (await fetch(${JSON.stringify(url)})).blob();
      const data = new DataTransfer();
      data.items.add(new File([blob], ${JSON.stringify(url.slice(url.lastIndexOf('/') + 1))}, { type: ${JSON.stringify(type)} }));
      const event = ${how === 'drop'}
        ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
      document.querySelector('#stage').dispatchEvent(event);
    })()`;
    await this.page.evaluate(script);
  }

  /** Whether the canvas over the picture has something drawn on the left, right, upper and lower side of a box. */
  async drawnSides(box: Corners, pictureWidth: number): Promise<boolean[]> {
    const script = `(() => {
      const canvas = document.querySelector('#boxes');
      const scale = canvas.width / ${pictureWidth};
      const context = canvas.getContext('2d');
      const [x1, y1, x2, y2] = ${JSON.stringify(box)}.map((coordinate) => coordinate * scale);
      const middle = [(x1 + x2) / 2, (y1 + y2) / 2];
      const isDrawn = (x, y) => {
        const { data } = context.getImageData(Math.round(x) - 3, Math.round(y) - 3, 7, 7);
        return data.some((level, index) => index % 4 === 3 && level > 200);
      };
      return [isDrawn(x1, middle[1]), isDrawn(x2, middle[1]), isDrawn(middle[0], y1), isDrawn(middle[0], y2)];
    })()`;
    return (await this.page.evaluate(script)) as boolean[];
  }
}

interface SceneFile {
  readonly images: readonly { readonly id: number; readonly file_name: string }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly {
    readonly image_id: number;
    readonly category_id: number;
    readonly bbox: Corners;
  }[];
}

/** What really is in an example scene. */
export function sceneObjects(fileName: string): { label: string; box: Corners }[] {
  const scenes: SceneFile = JSON.parse(readFileSync(fromRoot('examples/images/instances.json'), 'utf8'));
  const image = scenes.images.find(({ file_name }) => file_name === fileName);
  const labels = new Map(scenes.categories.map(({ id, name }) => [id, name]));
  return scenes.annotations
    .filter(({ image_id }) => image_id === image?.id)
    .map(({ category_id, bbox: [x, y, width, height] }) => ({
      label: labels.get(category_id) ?? '',
      box: [x, y, x + width, y + height],
    }));
}

/** Every object that the network is sure of is one of the scene, and there are some. */
export function expectOfScene(objects: readonly ListedObject[], fileName: string): void {
  const sure = objects.filter(({ percent }) => percent >= 60);
  expect(sure.length).toBeGreaterThan(0);
  const scene = sceneObjects(fileName);
  for (const { label, box } of sure) {
    const overlaps = scene.map((object) => (object.label === label ? intersectionOverUnion(object.box, box) : 0));
    expect(Math.max(...overlaps), `${label} at ${box}`).toBeGreaterThan(0.5);
  }
}
