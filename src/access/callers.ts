/**
 * Who speaks to the server, by token. A token that is revoked or expires counts no more at once, in this process, and
 * within LOOK_MS when another process revoked it; then the answers that are still open to its bearer are cut off.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { type Duration, toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { TokenRole } from "./role.ts";
import { MAX_TOKENS, type StoredToken, type TokenStore } from "./token-store.ts";
import { WrongTokens } from "./wrong-tokens.ts";

export const LOOK_MS = 1_000;
const SECRET_BYTES = 32;
export const OWNER = "owner";

export interface TokenView {
	name: string;
	role: TokenRole;
	/** Not of the owner's, which is as old as the data folder. */
	createdAt?: string;
	expiresAt?: string;
	expired: boolean;
}

export interface NewToken {
	name: string;
	role: TokenRole;
	/** From now; without, it counts until it is revoked. */
	expires?: Duration | undefined;
}

export class Caller {
	readonly name: string;
	readonly role: TokenRole;
	readonly hash: Buffer;
	readonly expiresAt: number;
	readonly #open = new Set<() => void>();

	constructor({ name, role, hash, expiresAt }: Pick<StoredToken, "name" | "role" | "hash" | "expiresAt">) {
		this.name = name;
		this.role = role;
		this.hash = Buffer.from(hash, "hex");
		this.expiresAt = expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
	}

	/** @param cut ends an answer when the token counts no more. The returned function: the answer is over. */
	hold(cut: () => void): () => void {
		this.#open.add(cut);
		return () => void this.#open.delete(cut);
	}

	end(): void {
		for (const cut of this.#open) cut();
		this.#open.clear();
	}
}

export interface CallersOptions {
	/** The owner's token. */
	token: string;
	store: TokenStore;
	clock: Clock;
	log: Log;
}

export class Callers {
	readonly #owner: Caller;
	readonly #store: TokenStore;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #wrong: WrongTokens;
	#stamp = "";
	#known: readonly StoredToken[] = [];
	#callers: Caller[] = [];
	#stopLooking: () => void = () => undefined;

	/** @throws E_DATA_FOLDER */
	constructor({ token, store, clock, log }: CallersOptions) {
		this.#owner = new Caller({ name: OWNER, role: "admin", hash: hashOf(token) });
		this.#store = store;
		this.#clock = clock;
		this.#log = log;
		this.#wrong = new WrongTokens(clock);
		this.#read();
		this.#look();
	}

	/** @param address where it comes from @throws E_UNAUTHORIZED, E_RATE_LIMITED */
	identify(secret: string | undefined, address: string): Caller {
		this.#wrong.check(address);
		if (secret !== undefined) {
			const given = createHash("sha256").update(secret).digest();
			let found: Caller | undefined;
			for (const caller of [this.#owner, ...this.#callers]) if (timingSafeEqual(caller.hash, given)) found = caller;
			if (found !== undefined && found.expiresAt > this.#clock.now()) return found;
			if (found !== undefined) throw new MusterError("E_UNAUTHORIZED", `the token ${found.name} has expired`);
			this.#wrong.add(address, given.toString("base64"));
		}
		throw new MusterError("E_UNAUTHORIZED", "the request has no token, or a wrong one", {
			hint: 'Send "Authorization: Bearer ..." with the content of the file "token" in the data folder, or with a token made by: muster token create NAME',
		});
	}

	list(): TokenView[] {
		return [{ name: OWNER, role: "admin", expired: false }, ...this.#known.map((token) => this.#viewOf(token))];
	}

	/** The secret is told this once, and is nowhere else. @throws E_CONFLICT, E_DATA_FOLDER */
	create({ name, role, expires }: NewToken): TokenView & { secret: string } {
		const secret = this.#clock.randomHex(SECRET_BYTES);
		const now = this.#clock.now();
		const token: StoredToken = {
			...{ name, role, hash: hashOf(secret), createdAt: new Date(now).toISOString() },
			...(expires !== undefined && { expiresAt: new Date(now + toMs(expires, "expires")).toISOString() }),
		};
		this.#store.change((tokens) => {
			if (name === OWNER || tokens.some((one) => one.name === name)) {
				throw new MusterError("E_CONFLICT", `there is a token ${name}`, {
					hint: "Take another name, or revoke it first with: muster token revoke NAME",
				});
			}
			if (tokens.length < MAX_TOKENS) return [...tokens, token];
			throw new MusterError("E_CONFLICT", `there are ${MAX_TOKENS} tokens, which is as many as can be`, {
				hint: "Revoke one with: muster token revoke NAME",
			});
		});
		this.#read();
		return { ...this.#viewOf(token), secret };
	}

	/** @throws E_TOKEN_UNKNOWN, E_CONFLICT, E_DATA_FOLDER */
	revoke(name: string): void {
		if (name === OWNER) {
			throw new MusterError("E_CONFLICT", "the owner's token cannot be revoked", {
				hint: 'To have another one, stop the server, delete the file "token" in the data folder, and start it again.',
			});
		}
		this.#store.change((tokens) => {
			const left = tokens.filter((one) => one.name !== name);
			if (left.length < tokens.length) return left;
			throw new MusterError("E_TOKEN_UNKNOWN", `there is no token ${name}`, {
				hint: "List them with: muster token list",
			});
		});
		this.#read();
	}

	close(): void {
		this.#stopLooking();
	}

	#look(): void {
		this.#stopLooking = this.#clock.after(LOOK_MS, () => {
			try {
				if (this.#store.stamp() !== this.#stamp) this.#read();
			} catch (error) {
				// What cannot be read lets nobody in.
				this.#accept([]);
				this.#log.error("no token counts but the owner's", { error: (error as Error).message });
			}
			for (const caller of this.#callers) if (caller.expiresAt <= this.#clock.now()) caller.end();
			this.#look();
		});
	}

	#read(): void {
		this.#stamp = this.#store.stamp(); // before: a change in between is seen at the next look
		this.#accept(this.#store.read());
	}

	#accept(tokens: readonly StoredToken[]): void {
		const before = new Map(this.#known.map((token, i) => [JSON.stringify(token), this.#callers[i] as Caller]));
		this.#callers = tokens.map((token) => {
			const key = JSON.stringify(token);
			const same = before.get(key);
			before.delete(key);
			return same ?? new Caller(token);
		});
		this.#known = tokens;
		for (const gone of before.values()) gone.end();
	}

	#viewOf({ name, role, createdAt, expiresAt }: StoredToken): TokenView {
		const expired = expiresAt !== undefined && Date.parse(expiresAt) <= this.#clock.now();
		return { name, role, createdAt, ...(expiresAt !== undefined && { expiresAt }), expired };
	}
}

const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
