// Package docs checks the documentation against the project: every relative link leads to a file and a heading, every
// command of llac and every make target that a page names exists, the index of decisions is complete, and README's
// commands work as written.
package docs
