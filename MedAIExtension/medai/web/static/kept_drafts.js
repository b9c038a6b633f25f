// Outlines kept in this browser, from the moment they are drawn until the study has them.

const STORE = "outlines";

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("medai-study", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, work) {
  const base = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = base.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request ? request.result : undefined);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    base.close();
  }
}

// kept: {study, rater, case, session, bits, head, saved}. Two windows have two sessions, so they
// never write over each other.
export function keep(kept) {
  return inStore("readwrite", (store) => store.put(kept, kept.session));
}

export function forget(session) {
  return inStore("readwrite", (store) => store.delete(session));
}

export async function keptOf(study, rater) {
  const all = await inStore("readonly", (store) => store.getAll());
  return all.filter((kept) => kept.study === study && kept.rater === rater);
}
