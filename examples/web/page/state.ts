import type { DetectionResult, Detector, EngineDevice, LoadProgress } from 'onelook';
import { StateStore } from './state-store.ts';

/** A network that is ready to look at pictures. */
export interface LoadedNetwork {
  readonly name: string;
  readonly detector: Detector;
}

export interface LoadingNetwork {
  readonly name: string;
  readonly progress?: LoadProgress;
}

/** What is looked at. `image` is what both the page and the network take. */
export type Source = Picture | MovingPicture;

export interface Picture {
  readonly kind: 'picture';
  readonly name: string;
  readonly image: ImageBitmap;
  /** What the browser took to decode the file. */
  readonly decodeMilliseconds: number;
  close(): void;
}

export interface MovingPicture {
  readonly kind: 'video' | 'camera';
  readonly name: string;
  readonly image: HTMLVideoElement;
  close(): void;
}

/** Everything that the page knows; what it shows follows from this. */
export interface State {
  readonly device?: EngineDevice;
  readonly network?: LoadedNetwork;
  readonly loading?: LoadingNetwork;
  readonly source?: Source;
  /** Of the source that is shown. */
  readonly result?: DetectionResult;
  readonly scoreThreshold: number;
  readonly iouThreshold: number;
  /** What went wrong, in one sentence. */
  readonly error?: string;
}

export class Store extends StateStore<State> {
  constructor() {
    super({ scoreThreshold: 0.25, iouThreshold: 0.7 });
  }
}
