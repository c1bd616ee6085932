import { defineConfig } from '@playwright/test';
import base from '../playwright.config';

/**
 * Takes pictures of every page; not part of the tests. `npm run pictures` writes them into
 * ../docs/pictures, or into the folder that SCREENSHOTS names. Each look is a project, so that
 * `-- --project=wide-dark-ko` takes only the pictures of that look.
 */
export default defineConfig({
  ...base,
  testDir: '.',
  outputDir: '../.artifacts/pictures',
  globalSetup: '../support/global-setup.ts',
  // The first look creates the concerts for all looks.
  workers: 1,
  projects: (['wide', 'narrow'] as const).flatMap((width) =>
    (['light', 'dark'] as const).flatMap((colorScheme) =>
      (['en', 'ko'] as const).map((language) => ({
        name: `${width}-${colorScheme}-${language}`,
        use: {
          colorScheme,
          locale: { en: 'en-US', ko: 'ko-KR' }[language],
          viewport: { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } }[width],
          deviceScaleFactor: width === 'narrow' ? 2 : 1,
          contextOptions: { reducedMotion: 'reduce' as const },
        },
      })),
    ),
  ),
});
