package engine

import "testing"

// oldEngine is set while the engine walks pages first to last, keeps the first of identical rows and refuses malformed
// pages. It goes with that engine.
const oldEngine = true

// refRefused says whether the old engine refuses a page of the run.
func refRefused(t *testing.T, in Input) bool {
	for _, rejected := range refStage(t, in).quarantine {
		if rejected.bad != "" {
			return true
		}
	}
	return false
}
