package engine

// Fault is an error that trying again does not mend: a contract that cannot be carried out, a page that is not what
// was validated, rows that do not add up.
type Fault struct {
	Op  string // what was being done to what
	Err error
}

func (e *Fault) Error() string { return e.Op + ": " + e.Err.Error() }
func (e *Fault) Unwrap() error { return e.Err }

// Permanent marks the error for the runtime: the message goes to its dead-letter queue at once.
func (e *Fault) Permanent() bool { return true }
