/** Who listens on a subject: a trie of patterns, with the answers of late kept, so that a publish looks up one map. */
import { hasWildcard, isOwn } from "./subject.ts";

export interface Listener {
	readonly subject: string;
	readonly queue: string | undefined;
}

/** Who gets a message of one subject. */
export interface Route<L> {
	each: L[];
	groups: Group<L>[];
}

export interface Group<L> {
	members: L[];
	/** Whose turn it is. */
	turn: number;
}

interface Node<L> {
	next: Map<string, Node<L>>;
	/** Patterns that end here. */
	here: Set<L>;
	/** Patterns that end here with `>`. */
	rest: Set<L>;
}

const CACHED_SUBJECTS = 10_000;
/** In the routes of all of them together. */
const CACHED_LISTENERS = 1_000_000;

const node = <L>(): Node<L> => ({ next: new Map(), here: new Set(), rest: new Set() });

export class Interest<L extends Listener> {
	readonly #root: Node<L> = node();
	readonly #cache = new Map<string, Route<L>>();
	#size = 0;
	#cached = 0;

	get size(): number {
		return this.#size;
	}

	add(listener: L): void {
		let at = this.#root;
		const tokens = listener.subject.split(".");
		const open = tokens.at(-1) === ">";
		if (open) tokens.pop();
		for (const token of tokens) {
			let next = at.next.get(token);
			if (next === undefined) {
				next = node();
				at.next.set(token, next);
			}
			at = next;
		}
		(open ? at.rest : at.here).add(listener);
		this.#size++;
		this.#changed(listener.subject);
	}

	delete(listener: L): void {
		const tokens = listener.subject.split(".");
		const open = tokens.at(-1) === ">";
		if (open) tokens.pop();
		const way: Node<L>[] = [this.#root];
		for (const token of tokens) {
			const next = way.at(-1)?.next.get(token);
			if (next === undefined) return;
			way.push(next);
		}
		const end = way.at(-1) as Node<L>;
		if (!(open ? end.rest : end.here).delete(listener)) return;
		this.#size--;
		for (let i = tokens.length; i > 0; i--) {
			const { next, here, rest } = way[i] as Node<L>;
			if (next.size > 0 || here.size > 0 || rest.size > 0) break;
			way[i - 1]?.next.delete(tokens[i - 1] as string);
		}
		this.#changed(listener.subject);
	}

	/** The same object as long as nobody comes or goes. */
	route(subject: string): Route<L> {
		let route = this.#cache.get(subject);
		if (route === undefined) {
			route = this.#find(subject);
			if (this.#cache.size >= CACHED_SUBJECTS || this.#cached >= CACHED_LISTENERS) this.#forget();
			this.#cache.set(subject, route);
			this.#cached += route.each.length + route.groups.reduce((sum, { members }) => sum + members.length, 0);
		}
		return route;
	}

	all(): L[] {
		const found: L[] = [];
		const walk = ({ next, here, rest }: Node<L>): void => {
			found.push(...here, ...rest);
			for (const inner of next.values()) walk(inner);
		};
		walk(this.#root);
		return found;
	}

	#changed(pattern: string): void {
		if (hasWildcard(pattern)) this.#forget();
		else this.#cache.delete(pattern);
	}

	#forget(): void {
		this.#cache.clear();
		this.#cached = 0;
	}

	#find(subject: string): Route<L> {
		const tokens = subject.split(".");
		const own = isOwn(subject);
		const each: L[] = [];
		const groups = new Map<string, L[]>();
		const take = (listeners: Set<L>): void => {
			for (const listener of listeners) {
				const { queue } = listener;
				if (queue === undefined) each.push(listener);
				else if (groups.has(queue)) groups.get(queue)?.push(listener);
				else groups.set(queue, [listener]);
			}
		};
		const walk = (at: Node<L>, i: number): void => {
			if (i === tokens.length) {
				take(at.here);
				return;
			}
			const wild = i > 0 || !own;
			if (wild) take(at.rest);
			const literal = at.next.get(tokens[i] as string);
			if (literal !== undefined) walk(literal, i + 1);
			const star = wild ? at.next.get("*") : undefined;
			if (star !== undefined) walk(star, i + 1);
		};
		walk(this.#root, 0);
		return { each, groups: [...groups.values()].map((members) => ({ members, turn: 0 })) };
	}
}
