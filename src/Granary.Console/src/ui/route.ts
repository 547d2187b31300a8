import { Store } from './store';

export const views = ['keys', 'live', 'leases', 'locks', 'cluster', 'charts', 'access'] as const;
export type View = (typeof views)[number];
export type Params = Record<string, string | null | undefined>;

export interface Route {
  view: View;
  params: URLSearchParams;
}

function current(): Route {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: views.find((view) => view === path) ?? 'keys', params: new URLSearchParams(query ?? '') };
}

export const route = new Store<Route>(current());
addEventListener('hashchange', () => route.set(current()));

/** A link that can be shared: the part behind # never reaches a server. */
export function link(view: View, params: Params = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value) {
      given.set(name, value);
    }
  }
  const query = given.toString();
  return `#/${view}${query === '' ? '' : `?${query}`}`;
}

export function go(view: View, params: Params = {}, isReplacement = false): void {
  const target = link(view, params);
  if (isReplacement) {
    history.replaceState(null, '', target);
    route.set(current());
  } else {
    location.hash = target;
  }
}
