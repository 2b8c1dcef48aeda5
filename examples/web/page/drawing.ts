import type { Detection, DetectionResult } from 'onelook';

/** CSS pixels. */
const LINE_WIDTH = 2;
const FONT_SIZE = 13;
const PADDING = 4;

/** Classes of neighbouring numbers get hues far from each other; all are light enough for black text. */
export function colourOf(classId: number): string {
  const goldenAngle = 137.508;
  return `oklch(0.82 0.17 ${((classId * goldenAngle + 30) % 360).toFixed(1)})`;
}

/**
 * Draws boxes and labels over a picture.
 * @param canvas lies over the picture and has its size on the page
 */
export function drawDetections(canvas: HTMLCanvasElement, result: DetectionResult | undefined): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  // As many pixels as the screen has there, or lines and text would be blurred.
  const density = window.devicePixelRatio;
  canvas.width = Math.round(canvas.clientWidth * density);
  canvas.height = Math.round(canvas.clientHeight * density);
  if (!result) return;
  context.scale(density, density);
  context.font = `600 ${FONT_SIZE}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const scale = canvas.clientWidth / result.width;
  // The best on top.
  for (const detection of result.detections.toReversed()) drawDetection(context, detection, scale);
}

function drawDetection(context: CanvasRenderingContext2D, detection: Detection, scale: number): void {
  const [x1, y1, x2, y2] = detection.box.map((coordinate) => coordinate * scale);
  const colour = colourOf(detection.classId);
  // A dark rim keeps the line visible on any background.
  context.lineWidth = LINE_WIDTH + 2;
  context.strokeStyle = 'rgb(0 0 0 / 0.55)';
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.lineWidth = LINE_WIDTH;
  context.strokeStyle = colour;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);

  const text = `${detection.label} ${Math.round(detection.score * 100)}`;
  const width = context.measureText(text).width + 2 * PADDING;
  const height = FONT_SIZE + 2 * PADDING;
  const left = Math.max(0, Math.min(x1 - LINE_WIDTH / 2, context.canvas.clientWidth - width));
  // Above the box, or inside where it touches the upper edge.
  const top = y1 >= height ? y1 - height : y1;
  context.fillStyle = colour;
  context.fillRect(left, top, width, height);
  context.fillStyle = 'black';
  context.fillText(text, left + PADDING, top + height / 2);
}
