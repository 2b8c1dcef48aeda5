/** Where one tuning table is kept between runs. */
export interface TuningStore {
  /** For messages. */
  readonly name: string;
  /** Whether it is a place of the engine's own, where whatever can't be used may be replaced. */
  readonly owned: boolean;
  /** What was written last; undefined where there is nothing. */
  read(): Promise<string | undefined>;
  /**
   * Writes what `change` makes of what is there by now, as a whole or not at all; undefined leaves it as it is. Others may
   * write at the same time: their change and this one both last.
   */
  update(change: (text: string | undefined) => string | undefined): Promise<void>;
}

const OBJECTS = 'tables';

/**
 * A table in the browser's IndexedDB. A page that has none, or may not use it, as in some private modes, does not remember.
 * @param key names the table among those of other adapters
 */
export function openIndexedDbStore(key: string, database = 'onelook-tuning'): TuningStore {
  return {
    name: `IndexedDB ${database}`,
    owned: true,
    read: async () => {
      try {
        return await inTransaction<string | undefined>(database, 'readonly', (tables, done) => {
          whenDone(tables.get(key), (value) => done(textOf(value)));
        });
      } catch {
        return undefined;
      }
    },
    update: async (change) => {
      try {
        await inTransaction(database, 'readwrite', (tables) => {
          whenDone(tables.get(key), (value) => {
            const text = change(textOf(value));
            if (text !== undefined) tables.put(text, key);
          });
        });
      } catch {
        // It is tuned again next time.
      }
    },
  };
}

/** Resolves with what was handed to `done`, once all is written. */
async function inTransaction<T>(
  database: string,
  mode: IDBTransactionMode,
  work: (tables: IDBObjectStore, done: (result: T) => void) => void,
): Promise<T | undefined> {
  const opened = await openDatabase(database);
  try {
    return await new Promise<T | undefined>((resolve, reject) => {
      const transaction = opened.transaction(OBJECTS, mode);
      let result: T | undefined;
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(OBJECTS), (value) => {
        result = value;
      });
    });
  } finally {
    opened.close();
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(OBJECTS);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another page keeps it from being opened'));
  });
}

function whenDone<T>(request: IDBRequest<T>, use: (value: T) => void): void {
  request.onsuccess = () => use(request.result);
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}
