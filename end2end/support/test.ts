// Fixtures of every test: accounts, a page whose console is checked, and words in its language.

import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';
import { admin as frontOfHouse, newcomer, organiser as houseManager, Person, serverUrl, type SignUp } from './people';
import { wordsFor, type Words } from './words';

interface TestFixtures {
  words: Words;
  /** Signs up one account through the API. */
  signUp: (form?: SignUp) => Promise<Person>;
  /** Signs up `size` accounts. */
  crowd: (size: number) => Promise<Person[]>;
  /** Opens a page by its path and waits until it can be used. */
  visit: (path: string, on?: Page) => Promise<void>;
  /** Another browser: other cookies, the same settings, its console is checked as well. */
  anotherBrowser: () => Promise<Page>;
  /** Registers messages of the browser that the test provokes on purpose. */
  expectComplaint: (about: RegExp) => void;
  complaints: Complaints;
  /** Closes the sales of a test after it. */
  endSales: void;
}

interface WorkerFixtures {
  /** May create concerts. */
  organiser: Person;
  /** May do everything. */
  admin: Person;
}

/** Every error and warning on the console, and every uncaught exception. */
class Complaints {
  private readonly heard: string[] = [];
  private readonly expected: RegExp[] = [];

  listen(context: BrowserContext): void {
    context.on('console', (message) => {
      if (!['error', 'warning', 'assert'].includes(message.type())) return;
      // A refused form is answered by its page with the status of the refusal, which Chromium logs.
      if (/[?&]call=\/api\//.test(message.location().url) && /with a status of 4\d\d/.test(message.text())) return;
      this.heard.push(`${message.page()?.url()} console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) => {
      this.heard.push(`${error.page()?.url()} exception: ${error.error().stack ?? error.error().message}`);
    });
  }

  expect(about: RegExp): void {
    this.expected.push(about);
  }

  /** Violations of the Content Security Policy are never expected. */
  unexpected(): string[] {
    const forbidden = /Content Security Policy/i;
    return this.heard.filter((complaint) => forbidden.test(complaint) || !this.expected.some((about) => about.test(complaint)));
  }
}

/**
 * Leptos has no event for the end of hydration. The last island of every page, which watches its
 * forms, listens for `pageshow`.
 */
const noteHydration = (): void => {
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (this: EventTarget, ...args: Parameters<typeof add>) {
    if (this === window && args[0] === 'pageshow') setTimeout(() => Object.assign(window, { hydrated: true }), 0);
    add.apply(this, args);
  } as typeof add;
};

export const test = base.extend<TestFixtures, WorkerFixtures>({
  baseURL: async ({}, use) => use(serverUrl()),

  words: async ({ locale }, use) => use(wordsFor(locale)),

  organiser: [
    async ({}, use) => {
      const person = await Person.logIn(houseManager.accountName, houseManager.password);
      await use(person);
      await person.dispose();
    },
    { scope: 'worker' },
  ],

  admin: [
    async ({}, use) => {
      const person = await Person.logIn(frontOfHouse.accountName, frontOfHouse.password);
      await use(person);
      await person.dispose();
    },
    { scope: 'worker' },
  ],

  signUp: async ({}, use) => {
    const people: Person[] = [];
    await use(async (form) => {
      const person = await Person.signUp(form);
      people.push(person);
      return person;
    });
    await Promise.all(people.map((person) => person.dispose()));
  },

  crowd: async ({ signUp }, use) => {
    // A few at a time: more would only wait for the same two cores.
    await use(async (size) => {
      const people: Person[] = [];
      while (people.length < size) {
        const some = Array.from({ length: Math.min(8, size - people.length) }, () => signUp(newcomer('crowd')));
        people.push(...(await Promise.all(some)));
      }
      return people;
    });
  },

  complaints: [
    async ({ javaScriptEnabled }, use) => {
      const complaints = new Complaints();
      // The page preloads its wasm, and cannot know that scripts are disabled.
      if (javaScriptEnabled === false) complaints.expect(/\.wasm was preloaded using link preload but not used/);
      await use(complaints);
      expect(complaints.unexpected(), 'the console is silent').toEqual([]);
    },
    { auto: true },
  ],

  // The server processes every open sale every second, and hundreds of tests would leave hundreds
  // open.
  endSales: [
    async ({ organiser }, use) => {
      const { created } = organiser;
      const before = created.length;
      await use();
      const ended = created.splice(before).map(({ id }) => organiser.send('/api/steer_sale', { id: String(id), action: 'close' }));
      await Promise.all(ended);
    },
    { auto: true },
  ],

  expectComplaint: async ({ complaints }, use) => use((about) => complaints.expect(about)),

  context: async ({ context, complaints }, use) => {
    complaints.listen(context);
    await context.addInitScript(noteHydration);
    await use(context);
  },

  visit: async ({ page, javaScriptEnabled }, use) => {
    await use(async (path, on = page) => {
      await on.goto(path);
      if (javaScriptEnabled !== false) await hydrated(on);
    });
  },

  anotherBrowser: async ({ browser, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async () => {
      const context = await browser.newContext();
      contexts.push(context);
      complaints.listen(context);
      await context.addInitScript(noteHydration);
      return context.newPage();
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** The browser's own message about a refused request, for tests that provoke one. */
export const refused = (status: number): RegExp => new RegExp(`Failed to load resource.* ${status} `);

/** Waits until the page is hydrated. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction(() => (window as { hydrated?: boolean }).hydrated);
}

export { expect };
