/** The document as a page for people. */
import type { Document } from "./document.ts";

export function pageOf(document: Document): string {
	return `<!doctype html><title>${document.info.title}</title>`;
}
