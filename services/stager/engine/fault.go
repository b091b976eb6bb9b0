package engine

// Fault is an error that a retry cannot fix: an invalid contract, a page that is not the validated page, row counts
// that do not add up.
type Fault struct {
	Op  string // the operation and its object
	Err error
}

func (e *Fault) Error() string { return e.Op + ": " + e.Err.Error() }
func (e *Fault) Unwrap() error { return e.Err }

// Permanent marks the error as final for the runtime: the message goes to its dead-letter queue at once.
func (e *Fault) Permanent() bool { return true }
