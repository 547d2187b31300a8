import { Dialog } from './Dialog';

const keys: [string, string][] = [
  ['/', 'Write a key or a prefix to go to'],
  ['?', 'This help'],
  ['1 … 7', 'Keys, Live, Leases, Locks, Cluster, Charts, Access'],
  ['↑ ↓', 'In the tree: the row before, the row behind'],
  ['→', 'Open a folder, then go into it'],
  ['←', 'Shut a folder, or go to the one around'],
  ['← →', 'In the charts: the moment before, the moment behind'],
  ['Home End', 'The first row, the last row'],
  ['Enter', 'Show a key, open or shut a folder, load more'],
  ['Esc', 'Close a dialog'],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Help" onClose={onClose}>
      <dl class="shortcuts">
        {keys.map(([name, meaning]) => (
          <div key={name}>
            <dt>
              <kbd>{name}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p>The address of each view can be shared: it has the prefix, the key and the revision behind #, which no server is sent.</p>
      <p>In names, \xNN stands for a byte that cannot be seen.</p>
    </Dialog>
  );
}
