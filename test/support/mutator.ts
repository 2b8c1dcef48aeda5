import { varint } from './protobuf-writer.ts';
import { randomInteger, seeded } from './random.ts';

/** Where to damage a file. */
export interface Anatomy {
  /** Positions of bytes that state structure rather than hold weights; half of the damage is done there. */
  readonly structure: ArrayLike<number>;
  /** Positions where lengths are stated. */
  readonly lengths: ArrayLike<number>;
}

export interface Mutation {
  /** What was done, to find it again. */
  readonly description: string;
  /** The damaged file: a view that `restore` takes back. */
  readonly bytes: Uint8Array;
  restore(): void;
}

const LARGEST_BLOCK = 2 ** 12;
const telling = [0, 1, 0x7f, 0x80, 2 ** 14 - 1, 2 ** 21, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2n ** 53n, 2n ** 63n, -1];

/** Damages a copy of a file in a hundred seeded ways, one at a time and in place, so that large files cost no copies. */
export class Mutator {
  private readonly size: number;
  private readonly buffer: Uint8Array;
  private readonly anatomy: Anatomy;
  private readonly next: () => number;

  constructor(file: Uint8Array, anatomy: Anatomy, seed: number) {
    this.size = file.length;
    this.buffer = new Uint8Array(file.length + LARGEST_BLOCK);
    this.buffer.set(file);
    this.anatomy = anatomy;
    this.next = seeded(seed);
  }

  /** The file, where every mutation has been restored. */
  undamaged(): Uint8Array {
    return this.file(this.size);
  }

  mutate(): Mutation {
    const ways = [
      this.flip,
      this.flip,
      this.fill,
      this.tamperLength,
      this.tamperLength,
      this.truncate,
      this.overwrite,
      this.duplicate,
      this.remove,
    ];
    return ways[this.integer(0, ways.length - 1)].call(this);
  }

  /** One to eight bytes, each changed in any way, mostly by one bit. */
  private flip(): Mutation {
    const positions = Array.from({ length: this.integer(1, 8) }, () => this.position());
    const saved = positions.map((position) => this.buffer[position]);
    for (const position of positions) {
      this.buffer[position] ^= this.integer(0, 3) > 0 ? 1 << this.integer(0, 7) : this.integer(1, 255);
    }
    return {
      description: `bytes ${positions.join(', ')} flipped`,
      bytes: this.file(this.size),
      restore: () => {
        for (let i = positions.length - 1; i >= 0; i--) this.buffer[positions[i]] = saved[i];
      },
    };
  }

  /** A run of one byte. */
  private fill(): Mutation {
    const { start, length } = this.block();
    const value = [0, 0xff, 0x80, this.integer(0, 255)][this.integer(0, 3)];
    return this.write(start, new Uint8Array(length).fill(value), `${length} bytes ${value}`);
  }

  /** Another number where a length is stated, in place. */
  private tamperLength(): Mutation {
    const { lengths } = this.anatomy;
    const start = lengths[this.integer(0, lengths.length - 1)];
    const value = this.integer(0, 1) === 0 ? this.integer(0, 2 ** 16) : telling[this.integer(0, telling.length - 1)];
    return this.write(start, varint(value).subarray(0, this.size - start), `the length ${value}`);
  }

  private truncate(): Mutation {
    const length = this.integer(0, 1) === 0 ? this.position() : this.integer(0, this.size - 1);
    return { description: `cut off at ${length}`, bytes: this.file(length), restore: () => {} };
  }

  /** A block of the file over another place. */
  private overwrite(): Mutation {
    const { start, length } = this.block();
    const from = Math.min(this.position(), this.size - length);
    return this.write(start, this.buffer.slice(from, from + length), `${length} bytes from ${from}`);
  }

  /** A block of the file again, behind itself, so that the rest moves on. */
  private duplicate(): Mutation {
    const { start, length } = this.block();
    this.buffer.copyWithin(start + length, start, this.size);
    return {
      description: `${length} bytes at ${start} duplicated`,
      bytes: this.file(this.size + length),
      restore: () => this.buffer.copyWithin(start, start + length, this.size + length),
    };
  }

  /** A block less, so that the rest moves up. */
  private remove(): Mutation {
    const { start, length } = this.block();
    const saved = this.buffer.slice(start, start + length);
    this.buffer.copyWithin(start, start + length, this.size);
    return {
      description: `${length} bytes at ${start} removed`,
      bytes: this.file(this.size - length),
      restore: () => {
        this.buffer.copyWithin(start + length, start, this.size - length);
        this.buffer.set(saved, start);
      },
    };
  }

  private write(start: number, bytes: Uint8Array, what: string): Mutation {
    const saved = this.buffer.slice(start, start + bytes.length);
    this.buffer.set(bytes, start);
    return {
      description: `${what} written at ${start}`,
      bytes: this.file(this.size),
      restore: () => this.buffer.set(saved, start),
    };
  }

  /** A place anywhere, every second time one of structure. */
  private position(): number {
    const { structure } = this.anatomy;
    if (this.integer(0, 1) === 0) return this.integer(0, this.size - 1);
    return structure[this.integer(0, structure.length - 1)];
  }

  /** Blocks of every magnitude are equally likely. */
  private block(): { start: number; length: number } {
    const start = this.position();
    const length = Math.floor(LARGEST_BLOCK ** this.next());
    return { start, length: Math.min(length, this.size - start) };
  }

  private file(length: number): Uint8Array {
    return this.buffer.subarray(0, length);
  }

  private integer(minimum: number, maximum: number): number {
    return randomInteger(this.next, minimum, maximum);
  }
}
