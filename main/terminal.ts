// What the command line prints: sizes, times, tables and lines that are drawn again in place.

import type { WriteStream } from 'node:tty';

/** Decimal units, as file managers and Hammerspace show them. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

export function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Columns as wide as their widest cell. */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? '';
        const width = widths[at] ?? 0;
        return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(columns.map((column) => column.title)), rule, ...rows.map(line)].join('\n');
}

export function barText(done: number, total: number, width: number): string {
  const share = total <= 0 ? 0 : Math.min(1, done / total);
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}

/** Lines that stay at the bottom and are drawn again; nothing where the output is no terminal. */
export interface LiveLines {
  show(lines: readonly string[]): void;
  /** Prints a line that stays, above the live ones. */
  print(line: string): void;
  end(): void;
}

export function liveLines(out: WriteStream): LiveLines {
  let shown: readonly string[] = [];
  const clear = (): void => {
    if (out.isTTY && shown.length > 0) {
      out.moveCursor(0, -shown.length);
      out.cursorTo(0);
      out.clearScreenDown();
    }
  };
  const draw = (): void => {
    if (out.isTTY) for (const line of shown) out.write(`${line.slice(0, out.columns - 1)}\n`);
  };
  return {
    show(lines) {
      if (lines.length === shown.length && lines.every((line, at) => line === shown[at])) return;
      clear();
      shown = lines;
      draw();
    },
    print(line) {
      clear();
      out.write(`${line}\n`);
      draw();
    },
    end() {
      clear();
      shown = [];
    },
  };
}
