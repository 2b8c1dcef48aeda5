import { type AnchorTable, FINITE_BOXES } from './decode.ts';
import { frameSetting, WRITE_RESULT } from './frame-settings.ts';
import type { Kernel } from './kernel.ts';

/** An output of finished rows x1 y1 x2 y2 score class, in pixels of the network's input: YOLOv10, YOLO26. */
export interface RowsSpec {
  /** How many are in a batch. */
  readonly images: number;
  readonly rows: AnchorTable;
  readonly rowCount: number;
  readonly classCount: number;
  /** Rows of the result. */
  readonly capacity: number;
}

const WORKGROUP = 256;

/**
 * One workgroup an image. Passes on the rows that score above the threshold, in their order. Rows that aren't finite, have no area or name no
 * class (padding is often -1) are left out. Bindings: settings, rows, result (see frame-settings.ts).
 */
export function endToEndKernel({ images, rows, rowCount, classCount, capacity }: RowsSpec): Kernel {
  const values = {
    rowCount,
    classCount,
    capacity,
    start: rows.offset,
    imageStride: rows.imageStride,
    rowStride: rows.anchorStride,
    columnStride: rows.attributeStride,
  };
  return {
    label: `rows above the threshold of ${rowCount}`,
    bindings: [
      { name: 'settings', element: 'f32', vector: 1, access: 'read' },
      { name: 'rows', element: rows.element, vector: 1, access: 'read' },
      { name: 'result', element: 'u32', vector: 1, access: 'write' },
    ],
    parameters: Object.entries(values).map(([name, value]) => ({ name, type: 'u32', value })),
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: [images, 1, 1],
    body: `${FINITE_BOXES}
${WRITE_RESULT}
// One bit for each row that passes.
var<workgroup> passing: array<atomic<u32>, ${Math.ceil(rowCount / 32)}>;

fn value(image: u32, row: u32, column: u32) -> f32 {
  return f32(rows[params.start + image * params.imageStride + row * params.rowStride + column * params.columnStride]);
}
fn boxOf(image: u32, row: u32) -> vec4<f32> {
  return vec4<f32>(value(image, row, 0u), value(image, row, 1u), value(image, row, 2u), value(image, row, 3u));
}
fn passes(image: u32, row: u32) -> bool {
  let box = boxOf(image, row);
  let score = value(image, row, 4u);
  let label = value(image, row, 5u);
  return isFinite(score) && score > ${frameSetting('scoreThreshold', 'image')} && allFinite(box) && hasArea(box)
    && isFinite(label) && label > -0.5f && label < f32(params.classCount) - 0.5f;
}

@main
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let image = group.x;
  for (var row = thread; row < params.rowCount; row += ${WORKGROUP}u) {
    if (passes(image, row)) { atomicOr(&passing[row / 32u], 1u << (row % 32u)); }
  }
  workgroupBarrier();
  let wanted = min(u32(${frameSetting('maxDetections', 'image')}), params.capacity);
  for (var row = thread; row < params.rowCount; row += ${WORKGROUP}u) {
    let word = atomicLoad(&passing[row / 32u]);
    if ((word & (1u << (row % 32u))) == 0u) { continue; }
    let rank = passingBefore(row / 32u) + countOneBits(word & ((1u << (row % 32u)) - 1u));
    if (rank < wanted) {
      let score = bitcast<u32>(value(image, row, 4u));
      writeRow(image, rank, limited(boxOf(image, row)), score, u32(round(value(image, row, 5u))), row);
    }
  }
  if (thread == 0u) { writeCount(image, min(passingBefore(${Math.ceil(rowCount / 32)}u), wanted)); }
}

fn passingBefore(word: u32) -> u32 {
  var count = 0u;
  for (var i = 0u; i < word; i++) { count += countOneBits(atomicLoad(&passing[i])); }
  return count;
}`,
  };
}
