/** How a server's heap grows. A program that embeds the library decides that for itself. */
import { setFlagsFromString } from "node:v8";

/**
 * The next full collection comes when the heap is half as large again as what was alive at the last one, not up to four
 * times as large: finished tasks are old garbage, and without this hundreds of megabytes of it stay resident.
 */
export function keepHeapSmall(): void {
	setFlagsFromString("--heap-growing-percent=50");
}
