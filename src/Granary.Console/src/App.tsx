import type { FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AccessView } from './access/AccessView';
import { SignInDialog } from './access/SignInDialog';
import { isLost, session, settings, signOut } from './api/client';
import { ChartsView } from './charts/ChartsView';
import { ClusterView } from './cluster/ClusterView';
import { KeysView } from './keys/KeysView';
import { LeasesView } from './leases/LeasesView';
import { LocksView } from './leases/LocksView';
import { LiveView } from './live/LiveView';
import { announce, Announcer } from './ui/Announcer';
import { HelpDialog } from './ui/HelpDialog';
import { go, link, route, views, type View } from './ui/route';
import { useStore } from './ui/store';

interface Shown {
  title: string;
  component: FunctionComponent<{ params: URLSearchParams }>;
}

const shown: Record<View, Shown> = {
  keys: { title: 'Keys', component: KeysView },
  live: { title: 'Live', component: LiveView },
  leases: { title: 'Leases', component: LeasesView },
  locks: { title: 'Locks', component: LocksView },
  cluster: { title: 'Cluster', component: ClusterView },
  charts: { title: 'Charts', component: ChartsView },
  access: { title: 'Access', component: AccessView },
};

export function App() {
  const { view, params } = useStore(route);
  const { user, isAsked, isAnswering } = useStore(session);
  const { readOnly, version } = useStore(settings);
  const [isHelping, setHelping] = useState(false);
  const { title, component: Component } = shown[view];

  useEffect(() => {
    document.title = `${title} · Granary`;
  }, [title]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const isWriting = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLSelectElement;
      if (isWriting || event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) {
        return;
      }
      const number = Number(event.key);
      if (event.key === '?') {
        setHelping(true);
      } else if (event.key === '/') {
        search();
      } else if (number >= 1 && number <= views.length) {
        go(views[number - 1]!);
      } else {
        return;
      }
      event.preventDefault();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);

  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')!.focus())}>
        To the content
      </a>
      <header class="top">
        <span class="brand">Granary</span>
        <nav aria-label="Views">
          {views.map((one) => (
            <a key={one} href={link(one)} aria-current={one === view ? 'page' : undefined}>
              {shown[one].title}
            </a>
          ))}
        </nav>
        <span class="spread" />
        {readOnly && <span class="badge">read only</span>}
        {isAsked && (
          <button type="button" class="small" onClick={() => session.set({ ...session.value, isAnswering: true })}>
            Sign in
          </button>
        )}
        {user !== null && (
          <>
            <span class="quiet">
              signed in as <bdi>{user}</bdi>
            </span>
            <button type="button" class="small" onClick={signOut}>
              Sign out
            </button>
          </>
        )}
        <button type="button" class="small" title={`Granary ${version}`} onClick={() => setHelping(true)}>
          Help <kbd>?</kbd>
        </button>
      </header>
      <LostBanner />
      <main id="main" tabIndex={-1}>
        <h1 class="unseen">{title}</h1>
        <Component key={view} params={params} />
      </main>
      {isAnswering && <SignInDialog />}
      {isHelping && <HelpDialog onClose={() => setHelping(false)} />}
      <Announcer />
    </>
  );
}

function search(): void {
  const field = document.getElementById('search');
  if (field instanceof HTMLInputElement) {
    field.focus();
    field.select();
  } else {
    go('keys');
    requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById('search')?.focus()));
  }
}

function LostBanner() {
  const lost = useStore(isLost);
  const [wasLost, setWasLost] = useState(false);
  useEffect(() => {
    if (lost) {
      setWasLost(true);
    } else if (wasLost) {
      announce('The server is back');
    }
  }, [lost]);
  return lost ? (
    <p class="banner" role="alert">
      The connection to the server is lost. The page asks for it, and goes on by itself.
    </p>
  ) : null;
}
