/** How a server's heap grows. A program that embeds the library decides that for itself. */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Young objects: room for what a busy server makes between two collections, and no more. */
const YOUNG_BYTES = 32 * 1024 * 1024;
const MOST_ROUNDS = 1_000;

/**
 * Called once, before anything is started. Finished tasks are old garbage, and by default hundreds of megabytes of it stay:
 * the next full collection comes when the heap is half as large again as what was alive at the last one, not up to four
 * times; and the room for young objects stays as large as it is here, not up to three times as large in each thread.
 */
export function keepHeapSmall(): void {
	growYoung();
	for (const flag of ["--heap-growing-percent=50", "--min-semi-space-size=2", "--semi-space-growth-factor=1"]) {
		setFlagsFromString(flag);
	}
}

/** The room grows as young objects survive: so some are made that do. */
function growYoung(): void {
	let kept: object[] = [];
	for (let round = 0; round < MOST_ROUNDS && youngBytes() < YOUNG_BYTES; round++) {
		if (round % 20 === 0) kept = [];
		for (let i = 0; i < 10_000; i++) kept.push({ i });
	}
}

const youngBytes = (): number =>
	getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? YOUNG_BYTES;
