import { defineConfig } from '@playwright/test';
import { existsSync } from 'node:fs';

// The system's Chromium if there is one, otherwise the one that Playwright has downloaded.
const chromium = process.env.FRONTROW_CHROMIUM || '/usr/bin/chromium';

const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Render fonts independently of this machine's settings: pictures are compared.
  '--font-render-hinting=none',
  '--disable-lcd-text',
];
// Chromium's sandbox refuses to run as root.
if (process.getuid?.() === 0) flags.push('--no-sandbox');

const wide = { width: 1280, height: 800 };
const narrow = { width: 390, height: 844 };
const noScript = { javaScriptEnabled: false };

/**
 * Every test runs twice: hydrated, and with JavaScript off. Tags exclude tests from runs:
 *
 * - `@script`: tests what happens without a reload, so it needs JavaScript
 * - `@http`: sends requests to the server directly; once is enough
 * - `@journey`: a path through the whole shop, also in Korean, and in each language in both widths
 */
export default defineConfig({
  testDir: 'tests',
  outputDir: '.artifacts/results',
  snapshotPathTemplate: 'looks/{arg}{ext}',
  globalSetup: './support/global-setup.ts',
  fullyParallel: true,
  workers: 2,
  forbidOnly: !!process.env.CI,
  reporter: [['list']],
  // A test that fails and then passes is listed as flaky: it needs investigation, but is no reason
  // to run all the others again.
  retries: 1,
  // Generous, for slow machines: nothing here measures time.
  timeout: 120_000,
  expect: { timeout: 25_000 },
  use: {
    actionTimeout: 25_000,
    navigationTimeout: 30_000,
    locale: 'en-US',
    timezoneId: 'Europe/Lisbon',
    viewport: wide,
    // While a page scrolls smoothly to a target, a press lands elsewhere, and without JavaScript
    // there is no way to tell when an animation is over.
    contextOptions: { reducedMotion: 'reduce' },
    screenshot: 'only-on-failure',
    launchOptions: { args: flags, executablePath: existsSync(chromium) ? chromium : undefined },
  },
  projects: [
    { name: 'hydrated' },
    { name: 'no-script', grepInvert: /@script|@http/, use: { ...noScript, viewport: narrow } },
    { name: 'narrow', grep: /@journey/, use: { viewport: narrow } },
    { name: 'no-script-wide', grep: /@journey/, use: noScript },
    ...[wide, narrow].flatMap((viewport) => {
      const name = viewport === wide ? 'korean' : 'korean-narrow';
      const korean = { viewport, locale: 'ko-KR' };
      return [
        { name, grep: /@journey/, use: korean },
        { name: `${name}-no-script`, grep: /@journey/, use: { ...noScript, ...korean } },
      ];
    }),
  ],
});
