// Package fetcher reads a source and lands it. It stores every page byte for byte, under a key that contains the page's
// digest, and then writes the manifest that lists all pages.
//
// The fetcher first asks the portal whether the source has changed since the published snapshot. If not, the run ends.
// If the source is re-published during the extraction, the fetcher restarts with a new attempt, so a landing never mixes
// two versions. Near its deadline it emits extraction.continued; the fetcher continues when it
// handles that event.
package fetcher
