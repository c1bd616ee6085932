// Accounts that act through the API, as scripts do.

import { expect, request, type APIRequestContext, type APIResponse, type BrowserContext } from '@playwright/test';
import { randomBytes } from 'node:crypto';

/** URL of the server under test. */
export const serverUrl = (): string => process.env.FRONTROW_END2END_URL!;

export const password = 'correct horse battery';

/**
 * Created by the global set-up. The password need not be random for a server that lives for two
 * minutes.
 */
export const organiser = { accountName: 'house-manager', password: 'seven tents in the rain' };

export const admin = { accountName: 'front-of-house', password: 'nine lamps over the door' };

/** Returns a word that no other test uses. */
export const unique = (): string => randomBytes(5).toString('hex');

export interface SignUp {
  account_name: string;
  password: string;
  name: string;
  nickname: string;
  email: string;
}

export function newcomer(name = 'mina'): SignUp {
  const account_name = `${name}-${unique()}`;
  return { account_name, password, name: 'Mina Kim', nickname: account_name, email: `${account_name}@example.com` };
}

/** The fields of the concert form; all text, as a form sends them. */
export interface ConcertForm {
  title: string;
  artist: string;
  genre: string;
  venue: string;
  starts_at: string;
  ends_at: string;
  running_minutes: string;
  price_won: string;
  description: string;
  capacity: string;
  sale_opens_at: string;
  batch_size: string;
  interval_ms: string;
  /** `true` makes the concert a draft. */
  draft?: string;
}

export interface Concert {
  id: number;
  title: string;
  sale_opens_at: string;
}

export interface Place {
  standing: 'absent' | 'waiting' | 'issued' | 'left' | 'expired';
  rank?: number;
  arrival?: number;
  ticket?: number | null;
  waiting: number;
}

export interface Ticket {
  id: number;
  serial: number;
  code: string;
}

const SECOND = 1000;
const DAY = 86_400 * SECOND;

/**
 * Returns the time `secondsFromNow` from now as `<input type="datetime-local">` sends it, in Korean
 * time.
 */
export function kst(secondsFromNow: number): string {
  const instant = new Date(Date.now() + secondsFromNow * SECOND + 9 * 3600 * SECOND).toISOString().slice(0, 19);
  // An input for date and time omits zero seconds, and accepts only what it would write itself.
  return instant.replace(/:00$/, '');
}

/** A concert that has been on sale for a minute. */
export function concertForm(changes: Partial<ConcertForm> = {}): ConcertForm {
  return {
    title: `Night Boat ${unique()}`,
    artist: 'Low Tide',
    genre: 'indie',
    venue: 'Nodeul Live House',
    starts_at: kst((30 * DAY) / SECOND),
    ends_at: kst((30 * DAY) / SECOND + 7200),
    running_minutes: '120',
    price_won: '66000',
    description: 'Songs for the last ferry.\nDoors open at six.',
    capacity: '300',
    sale_opens_at: kst(-60),
    batch_size: '5',
    interval_ms: '1000',
    ...changes,
  };
}

/** An interval of an hour: after the first batch no ticket is issued for the duration of a test. */
export const STANDSTILL = '3600000';

/**
 * Creates a concert whose queue does not move: an account that joined first has taken the one batch
 * of this hour.
 */
export async function standStill(organiser: Person, changes: Partial<ConcertForm> = {}): Promise<Concert> {
  const concert = await organiser.createConcert({ interval_ms: STANDSTILL, ...changes });
  const first = await Person.signUp(newcomer('first'));
  await first.join(concert);
  await expect.poll(async () => (await first.place(concert)).standing).toBe('issued');
  await first.dispose();
  return concert;
}

/** Creates a concert like `standStill`, in which places from the second on have this outlook. */
export async function standStillAs(organiser: Person, outlook: 'nearly' | 'paused' | 'out_of_reach' | 'waiting_list'): Promise<Concert> {
  const concert = await standStill(organiser, { capacity: { nearly: '300', paused: '300', out_of_reach: '2', waiting_list: '1' }[outlook] });
  if (outlook === 'paused') await organiser.send('/api/steer_sale', { id: String(concert.id), action: 'pause' });
  return concert;
}

/** An account with a session of its own. */
export class Person {
  /** Concerts that this account has created and whose sales have not been closed by `endSales`. */
  readonly created: Concert[] = [];

  private constructor(
    readonly accountName: string,
    readonly http: APIRequestContext,
  ) {}

  static async signUp(form: SignUp = newcomer('guest')): Promise<Person> {
    const person = new Person(form.account_name, await request.newContext({ baseURL: serverUrl() }));
    await person.post('/api/sign_up', { ...form });
    return person;
  }

  static async logIn(account_name: string, secret = password): Promise<Person> {
    const person = new Person(account_name, await request.newContext({ baseURL: serverUrl() }));
    await person.post('/api/log_in', { account_name, password: secret });
    return person;
  }

  /** Gives a browser this session. */
  async lendSession(context: BrowserContext): Promise<void> {
    // Tokens are rotated by the first client that uses them: if that were the browser, this
    // account's own tokens would become invalid.
    await this.http.get('/api/current_account');
    await context.addCookies((await this.http.storageState()).cookies);
  }

  /** Does not throw on an error status. */
  send(path: string, form: Record<string, string>): Promise<APIResponse> {
    return this.http.post(path, { form });
  }

  private async post<T>(path: string, form: Record<string, string>): Promise<T> {
    return read<T>(path, await this.send(path, form));
  }

  private async get<T>(path: string): Promise<T> {
    return read<T>(path, await this.http.get(path));
  }

  async createConcert(changes: Partial<ConcertForm> = {}): Promise<Concert> {
    const concert = await this.post<Concert>('/api/create_concert', { ...concertForm(changes) });
    this.created.push(concert);
    return concert;
  }

  /**
   * Sends the whole form, as the page does: fields that are not in `changes` have the values of
   * `concertForm`.
   */
  updateConcert(concert: Concert, changes: Partial<ConcertForm>): Promise<Concert> {
    return this.post('/api/update_concert', { id: String(concert.id), ...concertForm({ title: concert.title, ...changes }) });
  }

  join(concert: Concert): Promise<Place> {
    return this.post('/api/join_queue', { concert_id: String(concert.id) });
  }

  leave(concert: Concert): Promise<Place> {
    return this.post('/api/leave_queue', { concert_id: String(concert.id) });
  }

  place(concert: Concert): Promise<Place> {
    return this.get(`/api/queue_view?concert_id=${concert.id}`);
  }

  tickets(): Promise<Ticket[]> {
    return this.get('/api/list_tickets');
  }

  cancel(ticket: Ticket): Promise<void> {
    return this.post('/api/cancel_ticket', { id: String(ticket.id) });
  }

  dispose(): Promise<void> {
    return this.http.dispose();
  }
}

async function read<T>(path: string, response: APIResponse): Promise<T> {
  if (!response.ok()) throw new Error(`${path} answered ${response.status()}: ${await response.text()}`);
  return (await response.json()) as T;
}
