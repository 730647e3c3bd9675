// The list of scenes with its search and order; one selected scene shows its details below.

import { useDeferredValue, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { Empty } from '../../components/Empty.tsx';
import { Icon } from '../../components/Icon.tsx';
import { useAgent, useParts } from '../../parts.ts';
import { countText } from '../../present/format.ts';
import { listScenes, type SceneOrder } from '../../present/scenes.ts';
import { words } from '../../words/en.ts';
import { ProjectsMenu } from './ProjectsMenu.tsx';
import { SceneDetails } from './SceneDetails.tsx';
import { SceneList } from './SceneList.tsx';
import { OrderSwitch } from './OrderSwitch.tsx';

export function ScenesPane(): ReactNode {
  const { selection } = useParts();
  const scenes = useAgent((state) => state.scenes);
  const isChecking = useAgent((state) =>
    Object.values(state.projects).some(({ scan }) => scan.kind === 'scanning'),
  );
  const [query, setQuery] = useState('');
  const [order, setOrder] = useState<SceneOrder>('newest');
  const wanted = useDeferredValue(query);
  const listed = useMemo(
    () => listScenes(scenes, { query: wanted, order }),
    [scenes, wanted, order],
  );
  useEffect(() => selection.show(listed.map((scene) => scene.id)), [selection, listed]);
  const all = Object.keys(scenes).length;
  const amount =
    listed.length === all
      ? countText(all)
      : words.scenes.shown(countText(listed.length), countText(all));
  return (
    <section className="pane scenes" aria-label={words.scenes.title}>
      <header className="pane-head">
        <h2 className="pane-title">{words.scenes.title}</h2>
        <span className="count">{amount}</span>
        <span className="spring" />
        <OrderSwitch order={order} onChange={setOrder} />
        <ProjectsMenu />
      </header>
      <SearchField query={query} onChange={setQuery} />
      {listed.length > 0 && <SceneList scenes={listed} />}
      {listed.length === 0 && all > 0 && (
        <Empty title={words.scenes.noMatch(wanted)}>
          <button type="button" className="button" onClick={() => setQuery('')}>
            {words.scenes.clearSearch}
          </button>
        </Empty>
      )}
      {all === 0 &&
        (isChecking ? (
          <Empty title={words.scenes.checking} />
        ) : (
          <Empty title={words.scenes.none} hint={words.scenes.noneHint} />
        ))}
      <SceneDetails />
    </section>
  );
}

function SearchField(props: { readonly query: string; onChange(query: string): void }): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== 'f') return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <div className="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        className="search-field"
        placeholder={words.scenes.search}
        aria-label={words.scenes.search}
        value={props.query}
        spellCheck={false}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </div>
  );
}
