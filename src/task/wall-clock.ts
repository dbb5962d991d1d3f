/** What the clocks of a time zone show. A reading is a number: the milliseconds that UTC shows as this. Pure. */

/** Longer than any two places differ, shorter than any two changes of one clock are apart. */
const DAY_MS = 24 * 3_600_000;

export class WallClock {
	readonly #format: Intl.DateTimeFormat;

	/** @throws RangeError when it is no time zone */
	constructor(timeZone: string) {
		const digits = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
		this.#format = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...digits, second: "numeric" });
	}

	/** What it shows at a time. */
	read(time: number): number {
		const rest = ((time % 1_000) + 1_000) % 1_000;
		const shown = this.#format.format(time - rest).match(/\d+/g) ?? [];
		const [month = 1, day = 1, year = 0, hour = 0, minute = 0, second = 0] = shown.map(Number);
		return Date.UTC(year, month - 1, day, hour, minute, second) + rest;
	}

	/** When it shows a reading: the first time where it does so twice, the end of the gap where it never does. */
	timeOf(reading: number): number {
		const ahead = (time: number): number => this.read(time) - time;
		let [before, after] = [reading - DAY_MS, reading + DAY_MS];
		const possible = [reading - ahead(before), reading - ahead(after)].sort((a, b) => a - b);
		const found = possible.find((time) => this.read(time) === reading);
		if (found !== undefined) return found;
		const late = ahead(after);
		while (after - before > 1) {
			const middle = Math.floor((before + after) / 2);
			if (ahead(middle) === late) after = middle;
			else before = middle;
		}
		return after;
	}
}
