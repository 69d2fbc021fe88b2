/** @file Tuning results in a browser: one IndexedDB database of the page's origin. */

import type { TuningRecord, TuningStore } from '../core/tuning.ts';

const STORE = 'records';

/** @param name Name of the database. */
export function indexedDbTuning(name = 'i3d-webgpu-tuning'): TuningStore {
  const open = (): Promise<IDBDatabase> => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return settled(request);
  };
  return {
    async load() {
      const database = await open();
      try {
        const store = database.transaction(STORE).objectStore(STORE);
        const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
        return Object.fromEntries(keys.map((key, i) => [String(key), values[i] as TuningRecord]));
      } finally {
        database.close();
      }
    },
    async add(records) {
      const database = await open();
      try {
        const transaction = database.transaction(STORE, 'readwrite');
        const store = transaction.objectStore(STORE);
        for (const [key, record] of Object.entries(records)) store.put(record, key);
        await new Promise<void>((resolve, reject) => {
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error);
        });
      } finally {
        database.close();
      }
    },
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
