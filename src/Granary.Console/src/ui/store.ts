import { useEffect, useReducer } from 'preact/hooks';

/** A value that components follow. */
export class Store<T> {
  private readonly followers = new Set<() => void>();

  constructor(public value: T) {}

  set(value: T): void {
    if (value !== this.value) {
      this.value = value;
      this.followers.forEach((follower) => follower());
    }
  }

  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => void this.followers.delete(follower);
  }
}

/** A function that has the component rendered again. */
export const useRedraw = (): (() => void) => useReducer<number, void>((count) => count + 1, 0)[1] as () => void;

export function useStore<T>(store: Store<T>): T {
  const redraw = useRedraw();
  useEffect(() => store.follow(redraw), [store]);
  return store.value;
}
