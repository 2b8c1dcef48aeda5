import type { OpType } from '../graph/op.ts';
import { definitionOf } from '../graph/registry.ts';
import type { Node } from '../graph/types.ts';
import type { Lowering } from './lowering.ts';
