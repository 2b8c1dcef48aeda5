import { asFeatureMap, packedView, sliceAxis } from '../../engine/plan/views.ts';
import type { ElementType, FeatureMap, TensorView } from '../../shaders/kernel.ts';
import type { NamedView } from './check-kernel.ts';

/** The feature map that a view is. */
export function mapOf(view: TensorView): FeatureMap {
  const map = asFeatureMap(view);
  if (!map) throw new Error(`a view of shape [${view.shape}] and strides [${view.strides}] is no feature map`);
  return map;
}

/** Feature maps of one shape as they occur: whole ones, and slices of wider ones that own their last lanes. */
export function mapViewsOf(shape: readonly number[], element: ElementType): NamedView[] {
  const wide = packedView([shape[0], Math.ceil(shape[1] / 4) * 4 + 8, ...shape.slice(2)], element);
  return [
    { name: 'whole', view: packedView(shape, element), ownsPadding: true },
    { name: 'slice', view: sliceAxis(wide, 1, 4, shape[1]), ownsPadding: true },
  ];
}
