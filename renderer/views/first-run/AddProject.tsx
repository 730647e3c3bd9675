// Adds a project: the OS chooser in the app, a typed path in a browser. A refusal stays beside the field.

import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { Icon } from '../../components/Icon.tsx';
import { StateMark } from '../../components/StateMark.tsx';
import { sentenceOf } from '../../failure.ts';
import { useConnection, useParts } from '../../parts.ts';
import { words } from '../../words/en.ts';

export function AddProject({ onAdded }: { onAdded?(): void }): ReactNode {
  const { agent, shell } = useParts();
  const isConnected = useConnection().kind === 'connected';
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);

  async function add(dir: string | null): Promise<void> {
    if (dir === null || dir === '') return;
    setBusy(true);
    setRefusal(null);
    try {
      await agent.call('addProject', { dir });
      onAdded?.();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <div className="add-project">
      {shell ? (
        <button
          type="button"
          className="button button-main button-large"
          disabled={isBusy || !isConnected}
          onClick={() => {
            shell
              .chooseFolder()
              .then(add)
              .catch((error: unknown) => setRefusal(sentenceOf(error)));
          }}
        >
          <Icon name="folder" />
          {isBusy ? words.firstRun.adding : words.firstRun.choose}
        </button>
      ) : (
        <TypedFolder isBusy={isBusy || !isConnected} onSubmit={(dir) => void add(dir)} />
      )}
      {refusal !== null && (
        <p className="reason" data-mark="error" role="alert">
          <StateMark mark="error" />
          {refusal}
        </p>
      )}
    </div>
  );
}

function TypedFolder(props: { readonly isBusy: boolean; onSubmit(dir: string): void }): ReactNode {
  const [dir, setDir] = useState('');
  const id = useId();
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    props.onSubmit(dir.trim());
  };
  return (
    <form className="typed-folder" onSubmit={onSubmit}>
      <label className="field-label" htmlFor={id}>
        {words.firstRun.typeLabel}
      </label>
      <div className="field-row">
        <input
          id={id}
          className="field"
          value={dir}
          placeholder={words.firstRun.placeholder}
          spellCheck={false}
          autoComplete="off"
          aria-describedby={`${id}-hint`}
          onChange={(event) => setDir(event.target.value)}
        />
        <button
          type="submit"
          className="button button-main"
          disabled={props.isBusy || dir.trim() === ''}
        >
          {words.firstRun.add}
        </button>
      </div>
      <p className="quiet" id={`${id}-hint`}>
        {words.firstRun.typeHint}
      </p>
    </form>
  );
}
