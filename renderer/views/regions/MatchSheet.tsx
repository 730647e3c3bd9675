// Files dropped in a browser have no path: scenes of the same name and size are offered, never taken.

import type { ReactNode } from 'react';
import type { RegionView, SceneView } from '../../../preload/contract.ts';
import { Sheet } from '../../components/Sheet.tsx';
import { words } from '../../words/en.ts';

export function MatchSheet(props: {
  readonly matches: readonly SceneView[];
  readonly region: RegionView;
  onSend(): void;
  onClose(): void;
}): ReactNode {
  const { matches, region, onSend, onClose } = props;
  return (
    <Sheet title={words.drop.matchTitle} description={words.drop.matchBody} onClose={onClose}>
      <ul className="paths">
        {matches.map((scene) => (
          <li key={scene.id} className="path">
            {scene.path}
          </li>
        ))}
      </ul>
      <footer className="sheet-foot">
        <button type="button" className="button" onClick={onClose}>
          {words.sending.leave}
        </button>
        <button
          type="button"
          className="button button-main"
          onClick={() => {
            onSend();
            onClose();
          }}
        >
          {words.drop.matchSend(region.name)}
        </button>
      </footer>
    </Sheet>
  );
}
