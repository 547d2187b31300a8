import { Store, useStore } from './store';

const said = new Store('');

/** Tells those who do not see the page what has happened. */
export const announce = (text: string): void => {
  said.set('');
  requestAnimationFrame(() => said.set(text));
};

export const Announcer = () => (
  <div class="unseen" role="status" aria-live="polite">
    {useStore(said)}
  </div>
);
