import { parsePythonLiteral } from './python-literal.ts';

/** The 80 categories of COCO, in the order that detectors number them. */
export const cocoLabels: readonly string[] = (
  'person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,bench,' +
  'bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,' +
  'snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,' +
  'knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,' +
  'dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,' +
  'vase,scissors,teddy bear,hair drier,toothbrush'
).split(',');

/** Names for `count` classes where nothing else names them: COCO's for 80, numbers for any other count. */
export function defaultLabels(count: number): readonly string[] {
  if (count === cocoLabels.length) return cocoLabels;
  return Array.from({ length: count }, (_, index) => `class ${index}`);
}

/**
 * Class names as exporters write them: a Python or JSON list of names, or a dictionary from class number to name.
 * Undefined where the text is neither. A number without a name is called after itself.
 */
export function parseLabels(text: string): readonly string[] | undefined {
  const value = parsePythonLiteral(text);
  if (Array.isArray(value)) return value.every((name) => typeof name === 'string') ? value : undefined;
  if (!(value instanceof Map)) return undefined;
  const names = new Map<number, string>();
  for (const [key, name] of value) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= CLASS_LIMIT || typeof name !== 'string') return undefined;
    names.set(index, name);
  }
  const count = Math.max(-1, ...names.keys()) + 1;
  return Array.from({ length: count }, (_, index) => names.get(index) ?? `class ${index}`);
}

/** More classes than any detector has; a number beyond it in a file is an error of the file. */
const CLASS_LIMIT = 10_000;
