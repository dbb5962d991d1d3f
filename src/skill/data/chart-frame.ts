/**
 * What all charts of a report share: size, fonts, colours, and axes made of texts and numbers only.
 *
 * No chart uses a clip path or a gradient: Vega numbers their ids over the whole process, so that charts in one page would
 * take each other's, and the same data would not give the same file.
 */
import type { TopLevelSpec } from "vega-lite";
import { label } from "./display.ts";

/** Colours the report replaces by its own, so that a chart follows light and dark. */
export const INK = {
	text: "#1f2329",
	muted: "#5a636d",
	grid: "#e3e6ea",
	accent: "#3469b0",
	second: "#c2562d",
} as const;

export const WIDTH = 520;
const HEIGHT = 300;

/** A channel of a specification. */
export type Encoding = Record<string, unknown>;

/** A specification with the size, fonts and colours all charts share. */
export function frame(title: string, content: Record<string, unknown>, height = HEIGHT): TopLevelSpec {
	return {
		$schema: "https://vega.github.io/schema/vega-lite/v6.json",
		title: { text: label(title, 70), anchor: "start", offset: 12 },
		width: WIDTH,
		height,
		autosize: { type: "fit", contains: "padding" },
		padding: 6,
		config: {
			aria: false,
			background: "transparent",
			font: "system-ui, sans-serif",
			title: { color: INK.text, fontSize: 14, fontWeight: 600 },
			axis: {
				labelColor: INK.muted,
				titleColor: INK.text,
				labelFontSize: 11,
				titleFontSize: 12,
				titleFontWeight: 400,
				titlePadding: 8,
				gridColor: INK.grid,
				domainColor: INK.muted,
				tickColor: INK.muted,
				labelLimit: 240,
			},
			legend: { labelColor: INK.muted, titleColor: INK.text, titleFontWeight: 400 },
			view: { stroke: null },
		},
		...content,
	} as unknown as TopLevelSpec;
}

/** A chart before it has its place in a section. */
export interface Draft {
	title: string;
	/** One or two sentences. */
	caption: string;
	spec: TopLevelSpec;
}

/** An axis of numbers. */
export const quantitative = (field: string, title: string, more: Encoding = {}): Encoding => ({
	field,
	type: "quantitative",
	title,
	...more,
});

/** A discrete axis by place, labelled with names: equal names stay apart, and the order is the data's. */
export function placed(names: readonly string[], title: string, axis: Encoding = {}): Encoding {
	const labelExpr = `${JSON.stringify(names)}[datum.value]`;
	return { field: "place", type: "ordinal", sort: null, title, axis: { labelExpr, ...axis } };
}
