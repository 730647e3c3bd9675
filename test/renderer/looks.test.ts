// Promises of the looks that a machine can keep: short sentences, neutral greys, readable contrast, no motion.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { words } from '../../renderer/words/en.ts';

const rendererDir = join(import.meta.dirname, '../../renderer');
const stylesDir = join(rendererDir, 'styles');
const MAX_WORDS = 12;

describe('words', () => {
  const texts = textsIn(words);

  test('no sentence has more than twelve words', () => {
    const long = texts.filter((text) => text.split(/\s+/).length > MAX_WORDS);
    expect(long).toEqual([]);
  });

  test('every string is in use', () => {
    const sources = sourcesIn(rendererDir).filter((path) => !path.endsWith('words/en.ts'));
    const code = sources.map((path) => readFileSync(path, 'utf8')).join('\n');
    const unused = Object.entries(words).flatMap(([group, entries]) =>
      Object.keys(entries)
        .filter((name) => !code.includes(`words.${group}.${name}`))
        .filter(() => !new RegExp(`words\\.${group}(\\[|;)`).test(code))
        .map((name) => `${group}.${name}`),
    );
    expect(unused).toEqual([]);
  });
});

describe('colours', () => {
  const css = readFileSync(join(stylesDir, 'tokens.css'), 'utf8');
  const [lightText = '', darkText = ''] = css.split('@media');
  const light = tokensIn(lightText);
  const dark = { ...light, ...tokensIn(darkText) };
  const coloured = ['accent', 'accent-line', 'attention', 'error'];

  test.each([
    ['light', light],
    ['dark', dark],
  ])('every grey of the %s theme is neutral', (_name, tokens) => {
    const tinted = Object.entries(tokens).filter(
      ([name, [red, green, blue]]) =>
        !coloured.includes(name) && !(red === green && green === blue),
    );
    expect(tinted).toEqual([]);
  });

  test.each([
    ['light', light],
    ['dark', dark],
  ])('text of the %s theme can be read on every ground it stands on', (_name, tokens) => {
    const pairs = ['text', 'text-soft', 'text-quiet', 'attention', 'error'].flatMap((ink) =>
      ['ground', 'panel', 'raised', 'hover', 'press'].map((ground) => [ink, ground] as const),
    );
    const weak = [...pairs, ['on-accent', 'accent'] as const, ['accent', 'press'] as const]
      .map(([ink, ground]) => ({ ink, ground, ratio: contrast(tokens, ink, ground) }))
      .filter(({ ratio }) => ratio < 4.5);
    expect(weak).toEqual([]);
  });
});

test('nothing moves by itself, and no colour stands outside the tokens', () => {
  for (const name of readdirSync(stylesDir).filter((file) => file !== 'tokens.css')) {
    const css = readFileSync(join(stylesDir, name), 'utf8');
    expect(css.match(/@keyframes|animation:(?! none)|transition:(?! none)/g), name).toBeNull();
    expect(css.match(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/gi), name).toBeNull();
  }
});

function sourcesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => join(dir, path));
}

/** Functions are asked with short samples: their own words are what counts. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'function') {
    const samples = ['3', '4', '5', '6'].slice(0, value.length);
    return textsIn((value as (...samples: string[]) => unknown)(...samples));
  }
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn);
  return [];
}

type Colour = readonly [number, number, number];

function tokensIn(css: string): Record<string, Colour> {
  const tokens: Record<string, Colour> = {};
  for (const [, name = '', hex = ''] of css.matchAll(/--([\w-]+):\s*#([0-9a-f]{6})\b/gi)) {
    const value = Number.parseInt(hex, 16);
    tokens[name] = [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  }
  return tokens;
}

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(tokens: Record<string, Colour>, ink: string, ground: string): number {
  const a = luminance(tokens[ink] ?? [0, 0, 0]);
  const b = luminance(tokens[ground] ?? [0, 0, 0]);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}
