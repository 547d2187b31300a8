import { useEffect, useRef, useState } from 'preact/hooks';
import { ConnectionError, epoch } from '../api/client';
import { useStore } from './store';

export interface Loaded<T> {
  value: T | null;
  error: Error | null;
  isLoading: boolean;
  reload: () => void;
}

/** Asks the server when the component comes, when what it depends on changes, and when the server is back. What was there stays until then. */
export function useLoad<T>(ask: (signal: AbortSignal) => Promise<T>, depends: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: Error | null; isLoading: boolean }>({ value: null, error: null, isLoading: true });
  const [asked, setAsked] = useState(0);
  const now = useStore(epoch);
  const last = useRef<readonly unknown[]>(depends);
  useEffect(() => {
    const controller = new AbortController();
    const isSame = last.current.every((one, index) => one === depends[index]);
    last.current = depends;
    setState((before) => ({ value: isSame ? before.value : null, error: null, isLoading: true }));
    ask(controller.signal).then(
      (value) => controller.signal.aborted || setState({ value, error: null, isLoading: false }),
      (error: Error) => controller.signal.aborted || setState((before) => ({ value: before.value, error, isLoading: false })),
    );
    return () => controller.abort();
  }, [...depends, asked, now]);
  return { ...state, reload: () => setAsked((count) => count + 1) };
}

/** Renders once a second. */
export function useSeconds(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}

export interface Polled<T> {
  value: T | null;
  error: Error | null;
}

/** Asks the server again and again. While it is away, or nobody sees the page, nothing is asked; a refusal ends it. */
export function usePolled<T>(ask: (before: T | null, signal: AbortSignal) => Promise<T>, milliseconds: number): Polled<T> {
  const [state, setState] = useState<Polled<T>>({ value: null, error: null });
  const now = useStore(epoch);
  useEffect(() => {
    const controller = new AbortController();
    let value: T | null = null;
    let timer = 0;
    const next = async (): Promise<void> => {
      try {
        if (value === null || !document.hidden) {
          value = await ask(value, controller.signal);
          setState({ value, error: null });
        }
        timer = setTimeout(() => void next(), milliseconds);
      } catch (error) {
        if (!controller.signal.aborted) {
          setState((before) => ({ value: error instanceof ConnectionError ? before.value : null, error: error as Error }));
        }
      }
    };
    void next();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [now]);
  return state;
}
