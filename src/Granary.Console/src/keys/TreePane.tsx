import { useEffect, useRef, useState } from 'preact/hooks';
import { show, type Bytes } from '../api/bytes';
import { announce } from '../ui/Announcer';
import { number } from '../ui/format';
import { placeOf, Rows, useSeen } from '../ui/VirtualList';
import type { Row, Tree } from './tree';

interface TreePaneProps {
  tree: Tree;
  selected: Bytes | null;
  onSelect: (key: Bytes) => void;
}

/** The rows of a tree, with the keys that a tree has: arrows, Home, End, Enter. */
export function TreePane({ tree, selected, onSelect }: TreePaneProps) {
  const rows = tree.rows;
  const { element, seen, reveal } = useSeen(rows.length);
  const [activeId, setActiveId] = useState<string | null>(selected);
  const found = rows.findIndex((row) => row.id === activeId);
  const active = Math.max(0, found);
  const isFirst = useRef(true);

  useEffect(() => {
    const visible = rows.slice(seen.first, seen.last).filter((row) => row.kind === 'folder' && row.count === null);
    void tree.count(visible.map((row) => row.id));
  }, [rows, seen.first, seen.last]);

  useEffect(() => {
    if (isFirst.current && found >= 0) {
      isFirst.current = false;
      reveal(found);
    }
  }, [found]);

  const move = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    const row = rows[next];
    if (row) {
      setActiveId(row.id);
      reveal(next);
    }
  };

  const enter = async (row: Row | undefined): Promise<void> => {
    if (row?.kind === 'folder') {
      if (row.isOpen) {
        tree.shut(row.id);
      } else {
        await tree.open(row.id);
        announce(`${show(row.label)} is open`);
      }
    } else if (row?.kind === 'more') {
      const before = active;
      await tree.more(row.folder);
      setActiveId(tree.rows[before]?.id ?? null);
    } else if (row?.kind === 'key') {
      onSelect(row.id);
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows[active];
    const page = Math.max(1, seen.last - seen.first - 18);
    const isRightToLeft = getComputedStyle(element.current!).direction === 'rtl';
    const inwards = isRightToLeft ? 'ArrowLeft' : 'ArrowRight';
    const outwards = isRightToLeft ? 'ArrowRight' : 'ArrowLeft';
    if (event.ctrlKey || event.altKey || event.metaKey) {
      return;
    } else if (event.key === 'ArrowDown') {
      move(active + 1);
    } else if (event.key === 'ArrowUp') {
      move(active - 1);
    } else if (event.key === 'PageDown') {
      move(active + page);
    } else if (event.key === 'PageUp') {
      move(active - page);
    } else if (event.key === 'Home') {
      move(0);
    } else if (event.key === 'End') {
      move(rows.length - 1);
    } else if (event.key === inwards) {
      if (row?.kind === 'folder' && row.isOpen) {
        move(active + 1);
      } else if (row?.kind === 'folder') {
        void enter(row);
      }
    } else if (event.key === outwards && row) {
      if (row.kind === 'folder' && row.isOpen) {
        tree.shut(row.id);
      } else {
        const parent = rows.findLastIndex((other, index) => index < active && other.level < row.level);
        move(parent < 0 ? active : parent);
      }
    } else if (event.key === 'Enter' || event.key === ' ') {
      void enter(row);
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div
      ref={element}
      class="tree"
      role="tree"
      aria-label="Keys"
      tabIndex={0}
      aria-activedescendant={rows[active] && active >= seen.first && active < seen.last ? `row-${active}` : undefined}
      onKeyDown={onKeyDown}
    >
      <Rows count={rows.length}>
        {rows.slice(seen.first, seen.last).map((row, offset) => {
          const index = seen.first + offset;
          return (
            <TreeRow
              key={row.id}
              row={row}
              index={index}
              isActive={index === active}
              isSelected={row.kind === 'key' && row.id === selected}
              onPress={() => {
                setActiveId(row.id);
                void enter(row);
              }}
            />
          );
        })}
      </Rows>
    </div>
  );
}

interface TreeRowProps {
  row: Row;
  index: number;
  isActive: boolean;
  isSelected: boolean;
  onPress: () => void;
}

function TreeRow({ row, index, isActive, isSelected, onPress }: TreeRowProps) {
  return (
    <div
      id={`row-${index}`}
      class={`row ${row.kind}${isActive ? ' active' : ''}`}
      role="treeitem"
      aria-level={row.level}
      aria-expanded={row.kind === 'folder' ? row.isOpen : undefined}
      aria-selected={isSelected}
      aria-setsize={-1}
      aria-posinset={'position' in row ? row.position : undefined}
      style={{ ...placeOf(index), paddingInlineStart: `${row.level * 14 - 6}px` }}
      onClick={onPress}
    >
      <span class="mark" aria-hidden="true">
        {row.kind === 'folder' ? (row.isOpen ? '▾' : '▸') : ''}
      </span>
      {row.kind === 'more' ? (
        <span>{row.isLoading ? 'Loading…' : 'More…'}</span>
      ) : row.kind === 'said' ? (
        <span>{row.text}</span>
      ) : (
        <bdi class="label" title={show(row.id)}>
          {row.label === '' ? '(the prefix itself)' : show(row.label)}
        </bdi>
      )}
      {row.kind === 'folder' && <span class="count">{row.isLoading ? '…' : row.count === null || row.count < 0 ? '' : number(row.count)}</span>}
    </div>
  );
}
