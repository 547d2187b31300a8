import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export const rowHeight = 26;

interface Seen {
  first: number;
  last: number;
}

/** Which of many rows can be seen in the element that scrolls them. */
export function useSeen(count: number): { element: RefObject<HTMLDivElement | null>; seen: Seen; reveal: (index: number) => void } {
  const element = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<Seen>({ first: 0, last: 40 });
  const look = (): void => {
    if (!element.current) {
      return;
    }
    const { scrollTop, clientHeight } = element.current;
    const first = Math.max(0, Math.floor(scrollTop / rowHeight) - 8);
    const last = Math.ceil((scrollTop + clientHeight) / rowHeight) + 8;
    setSeen((before) => (before.first === first && before.last === last ? before : { first, last }));
  };
  useLayoutEffect(look, [count]);
  useEffect(() => {
    const scrolled = element.current!;
    const observer = new ResizeObserver(look);
    observer.observe(scrolled);
    scrolled.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      scrolled.removeEventListener('scroll', look);
    };
  }, []);
  const reveal = (index: number): void => {
    const scrolled = element.current!;
    const top = index * rowHeight;
    if (top < scrolled.scrollTop) {
      scrolled.scrollTop = top;
    } else if (top + rowHeight > scrolled.scrollTop + scrolled.clientHeight) {
      scrolled.scrollTop = top + rowHeight - scrolled.clientHeight;
    }
  };
  return { element, seen: { first: seen.first, last: Math.min(seen.last, count) }, reveal };
}

/** As high as all rows are, with those in it that can be seen. */
export function Rows({ count, children }: { count: number; children: ComponentChildren }) {
  return (
    <div class="rows" role="presentation" style={{ height: `${count * rowHeight}px` }}>
      {children}
    </div>
  );
}

export const placeOf = (index: number): { transform: string } => ({ transform: `translateY(${index * rowHeight}px)` });
