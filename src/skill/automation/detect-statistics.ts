/**
 * Which values of a series stand out, by four textbook methods. Pure; every formula names its source.
 *
 * Fewer than {@link LEAST_VALUES} values, or values that are all alike, say nothing: then there is a note and no outlier.
 */
import { mean, median, medianAbsoluteDeviation, quantile, sampleStandardDeviation } from "simple-statistics";

export const LEAST_VALUES = 8;
export type Method = "zscore" | "mad" | "iqr" | "ewma";

export interface Outlier {
	/** Place in the series. */
	index: number;
	value: number;
	/** What would not have stood out, for a person. */
	expected: string;
}

export interface Judgement {
	outliers: Outlier[];
	/** Why the series could not be judged. */
	note?: string;
}

/** The thresholds the sources recommend. */
export const usualThreshold: Record<Method, number> = { zscore: 3, mad: 3.5, iqr: 1.5, ewma: 3 };

/** @param values in order of time where the method is `ewma` */
export function judge(values: readonly number[], method: Method, threshold = usualThreshold[method]): Judgement {
	if (values.length < LEAST_VALUES)
		return { outliers: [], note: `${count(values.length)}, and at least ${LEAST_VALUES} are needed` };
	if (values.every((value) => value === values[0])) return { outliers: [], note: "all values are the same" };
	const outliers = methods[method]([...values], threshold);
	return { outliers };
}

const count = (n: number): string => (n === 1 ? "only 1 value" : `only ${n} values`);

const methods: Record<Method, (values: number[], threshold: number) => Outlier[]> = { zscore, mad, iqr, ewma };

/** z = (x - mean) / s with the sample standard deviation. NIST/SEMATECH e-Handbook, 1.3.5.17 (Detection of Outliers). */
function zscore(values: number[], threshold: number): Outlier[] {
	const deviation = threshold * sampleStandardDeviation(values);
	return outside(values, mean(values) - deviation, mean(values) + deviation);
}

/**
 * Modified z = 0.6745 (x - median) / MAD. Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993.
 * When more than half of the values are alike, the MAD is 0; then the mean absolute deviation takes its place,
 * (x - median) / (1.253314 MeanAD), as in IBM SPSS Statistics, "Modified z score".
 */
function mad(values: number[], threshold: number): Outlier[] {
	const middle = median(values);
	const spread = medianAbsoluteDeviation(values);
	const unit = spread > 0 ? spread / 0.6745 : 1.253314 * mean(values.map((value) => Math.abs(value - middle)));
	return outside(values, middle - threshold * unit, middle + threshold * unit);
}

/** Outside [Q1 - k IQR, Q3 + k IQR]. Tukey, "Exploratory Data Analysis", 1977; quartiles by linear interpolation (type 7). */
function iqr(values: number[], threshold: number): Outlier[] {
	const [first, third] = [quantile(values, 0.25), quantile(values, 0.75)];
	const reach = threshold * (third - first);
	return outside(values, first - reach, third + reach);
}

const EWMA_WEIGHT = 0.2;

/**
 * EWMA control chart: z_t = w x_t + (1 - w) z_(t-1), z_0 = mean, limits mean ± L s sqrt(w / (2 - w) (1 - (1 - w)^2t)),
 * w = 0.2. It sees small lasting shifts. Roberts, Technometrics 1, 1959; NIST/SEMATECH e-Handbook, 6.3.2.4.
 */
function ewma(values: number[], threshold: number): Outlier[] {
	const centre = mean(values);
	const deviation = sampleStandardDeviation(values);
	const outliers: Outlier[] = [];
	let smoothed = centre;
	values.forEach((value, index) => {
		smoothed = EWMA_WEIGHT * value + (1 - EWMA_WEIGHT) * smoothed;
		const settled = 1 - (1 - EWMA_WEIGHT) ** (2 * (index + 1));
		const reach = threshold * deviation * Math.sqrt((EWMA_WEIGHT / (2 - EWMA_WEIGHT)) * settled);
		if (Math.abs(smoothed - centre) > reach)
			outliers.push({
				index,
				value,
				expected: `a moving average from ${show(centre - reach)} to ${show(centre + reach)}, and it is ${show(smoothed)}`,
			});
	});
	return outliers;
}

function outside(values: number[], low: number, high: number): Outlier[] {
	return values.flatMap((value, index) =>
		value < low || value > high ? [{ index, value, expected: `from ${show(low)} to ${show(high)}` }] : [],
	);
}

const show = (value: number): string => String(Number(value.toPrecision(5)));
