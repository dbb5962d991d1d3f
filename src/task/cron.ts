/**
 * Cron expressions: whether one is right, and when it fires. Pure: the library computes here and never sets a timer.
 *
 * Where the clocks change
 * - An expression with fixed times (no `*` and no step in seconds, minutes and hours) fires once for each of its times: one
 *   that the clock leaves out fires at the end of the gap, one that it shows twice fires the first time. The library is
 *   asked for the readings of the clock alone: it loses a time whose gap ends on the next day.
 * - Any other one fires whenever the wall clock reads so: not in a gap, and in both passes of an hour that comes twice.
 */
import { Cron } from "croner";
import { WallClock } from "./wall-clock.ts";

/** Most fires that are looked at one by one; what lies further back is known to be there, and not counted. */
export const MAX_FIRES = 1_000;
const MAX_KEPT = 1_000;
/** A fixed time, so that an expression is right or wrong for ever: 2000-01-01. */
const SOME_TIME = 946_684_800_000;
const FIRST_WINDOW_MS = 1_000;
const WINDOW_GROWTH = 8;

const kept = new Map<string, Cron>();
const clocks = new Map<string, WallClock>();

/** Why it is no cron expression, or undefined when it is one. */
export function cronProblem(expr: string, timezone = "UTC"): string | undefined {
	const fields = expr.trim().split(/\s+/).length;
	if (fields !== 5 && fields !== 6) return `has ${fields === 1 ? "one field" : `${fields} fields`}, not five or six`;
	if (expr.includes("?")) return "has a ?, which means the time of its reading; write *";
	try {
		if (cronOf(expr, timezone).nextRun(new Date(SOME_TIME)) !== null) return undefined;
	} catch (error) {
		return (error as Error).message.replace(/^Cron\w+: /, "").slice(0, 200);
	}
	return "never fires";
}

/**
 * The first fire after a time; undefined when there is none any more.
 *
 * @param after wall clock, milliseconds; a fire at this very time is not meant
 */
export function nextFire(expr: string, timezone: string, after: number): number | undefined {
	if (timezone === "UTC" || !isFixed(expr)) return cronOf(expr, timezone).nextRun(new Date(after))?.getTime();
	const clock = clockOf(timezone);
	const cron = cronOf(expr, "UTC");
	let reading: number | undefined = clock.read(after);
	let time: number | undefined;
	// One that the clock has shown before, and shows again, has fired.
	while (time === undefined || time <= after) {
		reading = cron.nextRun(new Date(reading))?.getTime();
		if (reading === undefined) return undefined;
		time = clock.timeOf(reading);
	}
	return time;
}

/** Whether its times are fixed: see above. */
function isFixed(expr: string): boolean {
	const fields = expr.trim().split(/\s+/);
	return !fields.slice(0, fields.length - 3).some((field) => /[*/]/.test(field));
}

export interface Fires {
	/** The oldest first, at most {@link MAX_FIRES}. */
	times: number[];
	/** The newest one; also when there are more than `times` has. */
	last: number;
	/** Whether `times` has all of them. */
	complete: boolean;
	/** The first one that is still to come. */
	nextAt: number | undefined;
}

/** All fires from one on up to now. @param from a fire, not after `now` */
export function firesUpTo(expr: string, timezone: string, from: number, now: number): Fires {
	const times = [from];
	let next = nextFire(expr, timezone, from);
	while (next !== undefined && next <= now && times.length < MAX_FIRES) {
		times.push(next);
		next = nextFire(expr, timezone, next);
	}
	if (next === undefined || next > now) return { times, last: times.at(-1) as number, complete: true, nextAt: next };
	let last = next;
	// From the end, so that a schedule of seconds is not walked through for a year.
	for (let window = FIRST_WINDOW_MS; now - window > last; window *= WINDOW_GROWTH) {
		const found = nextFire(expr, timezone, now - window);
		if (found !== undefined && found <= now) {
			last = found;
			break;
		}
	}
	for (next = nextFire(expr, timezone, last); next !== undefined && next <= now; ) {
		last = next;
		next = nextFire(expr, timezone, last);
	}
	return { times, last, complete: false, nextAt: next };
}

/** @throws the library's own error */
function cronOf(expr: string, timezone: string): Cron {
	const key = `${timezone} ${expr}`;
	let cron = kept.get(key);
	if (cron === undefined) {
		cron = new Cron(expr.trim(), { timezone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
		keep(kept, key, cron);
	}
	return cron;
}

function clockOf(timezone: string): WallClock {
	let clock = clocks.get(timezone);
	if (clock === undefined) {
		clock = new WallClock(timezone);
		keep(clocks, timezone, clock);
	}
	return clock;
}

function keep<T>(all: Map<string, T>, key: string, item: T): void {
	if (all.size >= MAX_KEPT) all.delete(all.keys().next().value as string);
	all.set(key, item);
}
