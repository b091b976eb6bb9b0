package engine

// oldEngine is set while the engine walks pages first to last, keeps the first of identical rows and refuses malformed
// pages. It goes with that engine.
const oldEngine = true
