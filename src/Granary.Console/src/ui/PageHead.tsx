import type { ComponentChildren } from 'preact';

interface PageHeadProps {
  title: string;
  onRefresh: () => void;
  children?: ComponentChildren;
}

/** The first line of a view, by which it is asked for anew. */
export function PageHead({ title, onRefresh, children }: PageHeadProps) {
  return (
    <div class="bar">
      <h2>{title}</h2>
      {children}
      <span class="spread" />
      <button type="button" class="small" onClick={onRefresh}>
        Refresh
      </button>
    </div>
  );
}
