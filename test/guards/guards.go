package main

// guards lists the guards. The name of each is what happens without it.
var guards = []Guard{
	// A lost event or a repeated effect.
	{
		Name: "an event is lost when a service dies between receipt and publication",
		File: "platform/runtime/receipt.go", Edits: []Edit{{
			"if err != nil || done != nil {\n\t\t\treturn done.events(), err",
			"if err != nil || done != nil {\n\t\t\treturn nil, err"}},
		Module: "test", Test: "./chaos TestKilled/stager.receipt-publish",
	},
	{
		Name: "an effect is doubled when a service dies between publication and acknowledgement",
		File: "platform/runtime/receipt.go", Edits: []Edit{
			{"if key != \"\" {\n\t\tdone", "if key == \"-\" {\n\t\tdone"},
			{"_, _, err = p.Lake.PutIfAbsent(ctx, key, lake.Encode(receipt))", "_, err = p.Lake.Put(ctx, key, lake.Encode(receipt))"},
		},
		Module: "test", Test: "./chaos TestKilled/stager.publish-ack",
	},
	{
		Name: "a run is lost when a service dies between effect and receipt",
		File: "platform/runtime/run.go", Edits: []Edit{{
			"\tctx, cancel := context.WithTimeout(m.Context(), c.Timeout)\n",
			"\tm.Ack() // before the work\n\tctx, cancel := context.WithTimeout(m.Context(), c.Timeout)\n"}},
		Module: "test", Test: "./chaos TestKilled/stager.effect-receipt",
	},
	{
		Name: "the loser of two deliveries at once emits events of its own",
		File: "platform/runtime/receipt.go", Edits: []Edit{{"return winner.events(), err", "return out, err"}},
		Module: "platform", Test: "./runtime TestTwoDeliveriesAtOnce",
	},
	{
		Name: "a message is deleted although its dead letter was not taken",
		File: "platform/messaging/subscription.go", Edits: []Edit{{
			"\t\ts.putBack(r, s.Backoff.Seconds(r.Receives))\n\t\treturn\n\t}\n\tlog.WarnContext(ctx, \"message sent",
			"\t}\n\tlog.WarnContext(ctx, \"message sent"}},
		Module: "platform", Test: "./messaging TestDeadLetterIsSentBeforeTheMessageIsDeleted",
	},
	{
		Name: "a scheduler's request is lost when its tick is redelivered",
		File: "services/scheduler/scheduler.go", Edits: []Edit{{"existing.EventID == in.ID", "existing.EventID == \"\""}},
		Module: "services/scheduler", Test: ". TestARedeliveredTickEmitsItsRequestAgain",
	},
	{
		Name: "each failure of a dataset sends a notification, not only the first",
		File: "services/scheduler/incident.go", Edits: []Edit{{"state.Incident.open() || last.After(since)", "last.After(since)"}},
		Module: "services/scheduler", Test: ". TestAnIncidentNotifiesWhenItOpensAndWhenItCloses",
	},
	{
		Name: "a failure that is over sends a notification",
		File: "services/scheduler/incident.go", Edits: []Edit{{
			"state.Incident.open() || last.After(since)",
			"state.Incident.open() || last.After(since) && false"}},
		Module: "services/scheduler", Test: ". TestAFailureBeforeTheLastSuccessOpensNoIncident",
	},
	{
		Name: "an incident sends no notification when the scheduler dies before its receipt",
		File: "services/scheduler/incident.go", Edits: []Edit{{
			"if state.Incident != nil && state.Incident.EventID == in.ID {",
			"if false {"}},
		Module: "services/scheduler", Test: ". TestAnIncidentIsNotLostOnRedelivery",
	},
	{
		Name: "the recovery of a dataset sends no notification",
		File: "services/scheduler/freshness.go", Edits: []Edit{{"case !stale && i.open() && last.After(i.Since):", "case false:"}},
		Module: "services/scheduler", Test: ". TestAnIncidentNotifiesWhenItOpensAndWhenItCloses",
	},
	{
		Name: "a failed run publishes no event",
		File: "platform/runtime/giveup.go", Edits: []Edit{{"\tif err == nil {\n\t\terr = w.emit(ctx, out)\n\t}\n", "\t_ = out\n"}},
		Module: "platform", Test: "./runtime TestTransientFailureIsRetriedThenGivenUp",
	},

	{
		Name: "a continuation that died after its manifest fails on it forever",
		File: "services/fetcher/fetcher.go", Edits: []Edit{{"if !errors.Is(err, lake.ErrExists) {", "if err != nil {"}},
		Module: "services/fetcher", Test: ". TestACrashAtEachStepOfAContinuation",
	},
	{
		Name: "a message with a receipt is reported as failed because it was received too often",
		File: "platform/runtime/worker.go", Edits: []Edit{{
			"return Process(ctx, w.service, w.ports, handle, in)",
			"if w.maxReceives > 0 && d.Receives > w.maxReceives {\n" +
				"\t\t\treturn handle(ctx, in)\n\t\t}\n" +
				"\t\treturn Process(ctx, w.service, w.ports, handle, in)"}},
		Module: "platform", Test: "./runtime TestAMessageWithAReceiptIsAcknowledgedHoweverOftenItWasReceived",
	},

	// An event outside Emits.
	{
		Name: "a service emits an event that it does not declare",
		File: "platform/runtime/receipt.go", Edits: []Edit{{"if !slices.Contains(s.Emits, e.Type) {", "if false {"}},
		Module: "platform", Test: "./runtime TestEventThatTheServiceDoesNotEmitIsRefused",
	},
	{
		Name: "another version of a consumed event is ignored and lost",
		File: "platform/runtime/worker.go", Edits: []Edit{{"return events.Base(t) == events.Base(in.Type)", "return t == in.Type"}},
		Module: "platform", Test: "./runtime TestAnotherVersionOfAConsumedEventIsNotIgnored",
	},
	{
		Name: "an event that only names a run fails the run",
		File: "events/event.go", Edits: []Edit{{"!carries || Base(p.EventType()) != Base(e.Type)", "Base(p.EventType()) != Base(e.Type)"}},
		Module: "platform", Test: "./runtime TestGivingUpOnAnEventThatOnlyNamesARunFailsNoRun",
	},

	// A published snapshot that did not pass the gate.
	{
		Name: "a candidate is published without a passing verdict",
		File: "services/quality-gate/publish.go", Edits: []Edit{{"if !v.Passes(p.Candidate) {", "if !v.IsAbout(p.Candidate) {"}},
		Module: "services/quality-gate", Test: ". TestPartsWithoutAPassingVerdict",
	},
	{
		Name: "a rule whose metric the gate does not know passes",
		File: "services/quality-gate/measure.go", Edits: []Edit{{"	if !known {\n", "	if out.Passed = !known; !known {\n"}},
		Module: "services/quality-gate", Test: ". TestAnUnknownMetricNeverPasses",
	},
	{
		Name: "a verdict is used for other bytes than those it names",
		File: "services/quality-gate/verdict.go", Edits: []Edit{{"if !v.IsAbout(candidate) {", "if false {"}},
		Module: "services/quality-gate", Test: ". TestAVerdictForOtherBytes",
	},
	{
		Name: "the pointer moves back to an earlier slot",
		File: "services/quality-gate/gate.go", Edits: []Edit{{
			"if pointer == nil || pointer.Snapshot < run.Slot {",
			"if true || pointer.Snapshot < run.Slot {"}},
		Module: "test", Test: "./e2e TestLateRun",
	},
	{
		Name: "a publication event is published while the tables are behind the pointer",
		File: "services/quality-gate/gate.go", Edits: []Edit{{
			"return out, g.follow(ctx, out)",
			"_ = g.follow(ctx, out)\n\treturn out, nil"}},
		Module: "services/quality-gate", Test: ". TestNothingIsEmittedWhileTheTablesAreBehind",
	},
	{
		Name: "a slow update of the tables moves readers of the public table back",
		File: "platform/catalogue/catalogue.go", Edits: []Edit{{"VersionId: there.VersionId, ", ""}},
		Module: "platform", Test: "./catalogue TestASlowFollower",
	},
	{
		Name: "a snapshot that the public table shows is swept",
		File: "services/landing-janitor/sweep.go", Edits: []Edit{{
			"if err := j.ports.Catalogue.Follow(ctx, c.Dataset); err != nil {",
			"if err := j.ports.Catalogue.Follow(ctx, c.Dataset); false {"}},
		Module: "services/landing-janitor", Test: ". TestNothingIsSweptWhileATableIsBehind",
	},
	{
		Name: "simulated data are published where only real ones may be",
		File: "services/quality-gate/audit.go", Edits: []Edit{{"case !g.ports.AllowSimulated:", "case false:"}},
		Module: "services/quality-gate", Test: ". TestSimulatedData",
	},
	{
		Name: "a snapshot is published with half of its slices",
		File: "services/quality-gate/join.go", Edits: []Edit{{"if _, ok := j.Accepted[s]; !ok && !j.Unchanged[s] {", "if false {"}},
		Module: "services/quality-gate", Test: ". TestTheLastSlicePublishes",
	},

	// A landing object deleted without evidence.
	{
		Name: "a landing is deleted although nothing made from it is published",
		File: "services/landing-janitor/janitor.go", Edits: []Edit{{
			"if err := j.allowed(ctx, p, part); err != nil {",
			"if err := error(nil); err != nil {"}},
		Module: "services/landing-janitor", Test: ". TestLandingsThatAreKept",
	},
	{
		Name: "a landing is deleted although its archive cannot be read back",
		File: "services/landing-janitor/archive.go", Edits: []Edit{{"if !bytes.Equal(unpacked, raw) {", "if bytes.Equal(unpacked, nil) {"}},
		Module: "services/landing-janitor", Test: ". TestACorruptArchiveKeepsTheLanding",
	},
	{
		Name: "the sweep deletes objects that a message may still name",
		File: "services/landing-janitor/sweep.go", Edits: []Edit{{"now.Sub(i.Modified) > orphanAge", "now.Sub(i.Modified) > 0"}},
		Module: "services/landing-janitor", Test: ". TestOrphans",
	},
	{
		Name: "a landing is deleted without durable evidence",
		File: "services/landing-janitor/janitor.go", Edits: []Edit{{
			"info, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body)",
			"info, err := lake.Info{}, error(nil)"}},
		Module: "services/landing-janitor", Test: ". TestEvidenceComesFirst",
	},
	{
		Name: "the sweep deletes without durable evidence",
		File: "services/landing-janitor/sweep.go", Edits: []Edit{{
			"if _, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body); err != nil {",
			"if err := error(nil); err != nil {\n\t\t_, _ = key, body"}},
		Module: "services/landing-janitor", Test: ". TestOrphans|TestASupersededSnapshot",
	},

	// A row dropped without a quarantine record; a partial result that looks complete.
	{
		Name: "rows that are lost while paging are not counted",
		File: "services/validator/validator.go", Edits: []Edit{{"want >= 0 && rows != want", "want >= 0 && rows > 1<<62"}},
		Module: "services/validator", Test: ". TestLandingsThatCannotBeTrusted",
	},
	{
		Name: "the page of another table is accepted as the requested one",
		File: "platform/source/identity.go", Edits: []Edit{{`if id.Source != "" && id.Source != t.ID {`, `if id.Source == "-" {`}},
		Module: "platform", Test: "./source/portals TestCheckSource",
	},
	{
		Name: "bytes of the simulator are accepted as a portal's",
		File: "platform/source/identity.go", Edits: []Edit{{
			"if id.Simulated && isOfficial(d.SourceSystem) {", `if id.Simulated && d.SourceSystem == "-" {`}},
		Module: "platform", Test: "./source/portals TestCheckSource",
	},
	{
		Name: "rows of a page that was sent for another page are landed twice",
		File: "platform/source/pageset.go", Edits: []Edit{{
			"if other, ok := s.repeats(p); ok {", "if other, ok := s.repeats(p); ok && p.Index < 0 {"}},
		Module: "platform", Test: "./source TestPageSet",
	},
	{
		Name: "the validator accepts pages that repeat each other",
		File: "services/validator/pass.go", Edits: []Edit{{
			"if err := p.pages.Add(read, page.SHA256); err != nil {", "if err := p.pages.Add(read, page.SHA256); false {"}},
		Module: "services/validator", Test: ". TestPagesThatWereNotRequested",
	},
	{
		Name: "a snapshot with many more duplicates than the published one is published",
		File: "platform/quality/duplicate_percent.go", Edits: []Edit{{"r.Max = &most", "_ = most"}},
		Module: "services/quality-gate", Test: ". TestMoreDuplicatesThanPublished",
	},
	{
		Name: "a date that a correction does not move proves that a source is unchanged",
		File: "services/fetcher/fetcher.go", Edits: []Edit{{
			"\t\treturn x.compare(ctx, m, known)\n\t}\n\treturn x.extractStable(ctx, m)",
			"\t\treturn x.unchanged(ctx, known, since, true)\n\t}\n\treturn x.extractStable(ctx, m)"}},
		Module: "services/fetcher", Test: ". TestWeakValidatorsAreConfirmedByThePages",
	},
	{
		Name: "a source whose entity tag never moves is never read again",
		File: "services/fetcher/compare.go", Edits: []Edit{{
			"return int(days) >= x.contract.Source.RecheckDays, nil", "return int(days) >= 1<<30, nil"}},
		Module: "services/fetcher", Test: ". TestEverySourceIsReadInFullAgain",
	},
	{
		Name: "a portal is requested before the time that it asked for",
		File: "platform/source/caller.go", Edits: []Edit{{
			"wait = max(wait, again.after)", "wait = min(max(wait, again.after), c.o.MaxWait)"}},
		Module: "platform", Test: "./source/socrata TestSocrataConformance/retry_after",
	},
	{
		Name: "a message that waits for a portal is given up as if it had failed",
		File: "platform/runtime/wait.go", Edits: []Edit{{"d.Waits = record.Times", "d.Waits = 0 * record.Times"}},
		Module: "platform", Test: "./runtime TestAMessageWaitsForADay",
	},
	{
		Name: "bytes that are not UTF-8 are accepted as text",
		File: "platform/source/jsonpage/strings.go", Edits: []Edit{{
			"if r == utf8.RuneError && n == 1 {",
			"if false {"}, {
			"r, n := utf8",
			"_, n := utf8"}},
		Module: "platform", Test: "./source/portals TestBadRows",
	},
	{
		Name: "a changed object is read as the one that was written",
		File: "platform/lake/store.go", Edits: []Edit{{
			"if got := SHA256(into); int64(len(into)) != o.Size || got != o.SHA256 {",
			"if got := SHA256(into); got == \"\" {"}},
		Module: "platform", Test: "./lake TestReadRefusesOtherBytes",
	},

	{
		Name: "a candidate contains bytes that the spool's disk has changed",
		File: "services/stager/sink.go", Edits: []Edit{{
			"if info.Size != written.Size || info.SHA256 != written.SHA256 {",
			"if info.Size < 0 {"}},
		Module: "services/stager", Test: ". TestSpoolThatIsCorrupt",
	},
	{
		Name: "output in a folder is visible before it is complete",
		File: "operations/folder/output.go", Edits: []Edit{{
			`path := o.path(o.hidden("new", "staging"), o.hidden("new", "quarantine"), of)`,
			"path := o.Path(of)"}},
		Module: "operations", Test: "./folder TestPublish",
	},

	{
		Name: "row counts that do not add up are reported",
		File: "services/stager/engine/job.go", Edits: []Edit{{"if r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {", "if r.RowsIn < 0 {"}},
		Module: "services/stager", Test: "./engine TestRowsAndCellsThatDoNotAddUp",
	},
	{
		Name: "a refused cell is not in the quarantine",
		File: "services/stager/engine/job.go", Edits: []Edit{{
			"if j.refused != q.counts[actionCell] || j.refused != r.Refused() {", "if j.refused < 0 {"}},
		Module: "services/stager", Test: "./engine TestRowsAndCellsThatDoNotAddUp",
	},
	{
		Name: "a value is repaired although two readings satisfy the rule",
		File: "services/stager/engine/rules.go", Edits: []Edit{{"several = found != nil", "several = false"}},
		Module: "services/stager", Test: "./engine TestCases/row_rules_repair",
	},
	{
		Name: "a row that violates a rule is staged",
		File: "services/stager/engine/rules.go", Edits: []Edit{{"case contract.RuleRow:", "case \"none\":"}},
		Module: "services/stager", Test: "./engine TestCases/row_rules",
	},
	{
		Name: "a refused cell is published as if the source had no value",
		File: "services/stager/engine/worker.go", Edits: []Edit{{"newMarks(w.origin, len(w.refusals), ", "newMarks(w.origin, 0, "}},
		Module: "services/stager", Test: "./engine TestCases/cells",
	},
	{
		Name: "the gate does not notice refused cells that the rows do not count",
		File: "platform/quality/cells_unaccounted.go", Edits: []Edit{{"c.missing -= int64(n)", "c.missing = 0"}},
		Module: "services/quality-gate", Test: ". TestBuiltInRules",
	},
	{
		Name: "a column whose values are mostly refused is published",
		File: "platform/quality/rule.go", Edits: []Edit{{"MaxRefused = 5.0", "MaxRefused = 500.0"}},
		Module: "services/quality-gate", Test: ". TestBuiltInRules",
	},
	{
		Name: "a candidate contains other rows than were landed",
		File: "services/stager/stager.go", Edits: []Edit{{
			"if r.RowsIn != m.Rows || r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {",
			"if r.RowsIn < 0 {"}},
		Module: "services/stager", Test: ". TestPermanentFailures/(engine_that_loses_a_row|manifest_counts_another_landing)",
	},
	{
		Name: "a candidate names a file that was never committed",
		File: "services/stager/sink.go", Edits: []Edit{{
			"\tif !ok {\n\t\treturn object, ",
			"\tif !ok && s.run == \"\" {\n\t\treturn object, "}},
		Module: "services/stager", Test: ". TestPermanentFailures/engine_that_forgets_a_file",
	},
	{
		Name: "a page with fewer rows than its manifest counts is staged",
		File: "services/stager/engine/worker.go", Edits: []Edit{{
			"if page.Rows >= 0 && b.rows != page.Rows {",
			"if page.Rows >= 0 && b.rows < 0 {"}},
		Module: "services/stager", Test: "./engine TestRowCountMatchesManifest",
	},
	{
		Name: "the rest of a malformed page is dropped without a record",
		File: "services/stager/engine/worker.go", Edits: []Edit{{
			"\tcase errors.As(err, &malformed):\n",
			"\tcase errors.As(err, &malformed) && b.page >= 0: // ignored\n\tcase errors.As(err, &malformed):\n"}},
		Module: "services/stager", Test: "./engine TestABadRowIsNeverDropped",
	},
	{
		Name: "a validated page that is malformed is staged in part",
		File: "services/stager/engine/worker.go", Edits: []Edit{{
			"case errors.As(err, &malformed) && w.validated:",
			"case errors.As(err, &malformed) && w.validated && b.page < 0:"}},
		Module: "services/stager", Test: ". TestPermanentFailures/malformed_page",
	},
	{
		Name: "a record that cannot be read is staged as nulls",
		File: "services/stager/engine/worker.go", Edits: []Edit{{"if w.Bad != nil {", "if w.Bad != nil && w.Index < 0 {"}},
		Module: "services/stager", Test: "./engine TestABadRowIsNeverDropped",
	},
	{
		Name: "a repeated bad value is accepted",
		File: "services/stager/engine/worker.go", Edits: []Edit{{"if o.failed {", "if o.failed && o.null {"}},
		Module: "services/stager", Test: "./engine TestRandomPages",
	},
	{
		Name: "a row without its key is staged",
		File: "services/stager/engine/column.go", Edits: []Edit{{"case null && c.required:", "case null && c.required && c.nulls != nil:"}},
		Module: "services/stager", Test: "./engine TestCases/required",
	},
	{
		Name: "an incomplete character is changed to another text",
		File: "services/stager/engine/clean.go", Edits: []Edit{{"err != nil || !wholeCharacters(raw) {", "err != nil {"}},
		Module: "services/stager", Test: "./engine TestCases/half_characters",
	},
	{
		Name: "a number with a thousands separator is staged as a smaller one",
		File: "platform/cast/numeral.go", Edits: []Edit{{"if !ok || n.isGrouped() {", "if !ok {"}},
		Module: "services/stager", Test: "./engine TestCases/integers_two_readings",
	},
	{
		Name: "of two values of one name the last is staged",
		File: "platform/source/jsonpage/records.go", Edits: []Edit{{"isRepeated && row.Bad == nil {", "isRepeated && false {"}},
		Module: "services/stager", Test: "./engine TestCases/repeated_name",
	},
	{
		Name: "a time that occurs twice is staged as one of the two instants",
		File: "platform/cast/time.go", Edits: []Edit{{"return found, ErrTwice", "return found, nil"}},
		Module: "services/stager", Test: "./engine TestCases/zones",
	},
	{
		Name: "a decimal is rounded although its contract does not allow it",
		File: "platform/cast/decimal.go", Edits: []Edit{{"if !r.Rounds() {", "if false {"}},
		Module: "services/stager", Test: "./engine TestCases/rounding",
	},
	{
		Name: "a row of another slice is staged",
		File: "services/stager/engine/plan.go", Edits: []Edit{{"if p.sliceBy >= 0 && (cells", "if p.sliceBy >= len(cells) && (cells"}},
		Module: "services/stager", Test: "./engine TestCases/slice",
	},
	{
		Name: "a partition is written outside of its folder",
		File: "services/stager/engine/plan.go", Edits: []Edit{{
			"if !cells[at].folder.safe {",
			"if !cells[at].folder.safe && cells[at].null {"}},
		Module: "services/stager", Test: "./engine TestABadRowIsNeverDropped",
	},

	// A row that is wrongly a duplicate; a conflict decided by chance.
	{
		Name: "one of several contradicting rows is staged",
		File: "services/stager/engine/job.go", Edits: []Edit{{
			"if !same && j.compares() {", "if !same && !known && j.compares() {"}},
		Module: "services/stager", Test: "./engine TestCases/conflict_quarantine",
	},
	{
		Name: "the second pass forgets which keys are in conflict",
		File: "services/stager/engine/worker.go", Edits: []Edit{{"if w.conflicting[key] {", "if w.conflicting[key] && b.page < 0 {"}},
		Module: "services/stager", Test: "./engine TestCases/conflict_quarantine",
	},
	{
		Name: "pages that change between two passes lead to a run without rows",
		File: "services/stager/engine/stage.go", Edits: []Edit{{
			"if err == nil && len(others) > 0 {",
			"if err != nil && len(others) > 0 {"}},
		Module: "services/stager", Test: "./engine TestPagesThatChange",
	},
	{
		Name: "an older row replaces the latest",
		File: "services/stager/engine/job.go", Edits: []Edit{{"for row := b.good - 1; row >= 0; row-- {", "for row := range b.good {"}},
		Module: "services/stager", Test: "./engine TestGeneratedRuns",
	},
	{
		Name: "a key that was moved to a file is not found",
		File: "services/stager/engine/dedup.go", Edits: []Edit{{"range k.spilled {", "range k.spilled[:0] {"}},
		Module: "services/stager", Test: "./engine TestKeysBehaveLikeAMap",
	},
	{
		Name: "the filter excludes a key that is in the file",
		File: "services/stager/engine/keyspill.go", Edits: []Edit{{
			"block[bits>>6&7] |= 1 << (bits & 63)",
			"block[bits>>6&7] |= 1 << (bits & 31)"}},
		Module: "services/stager", Test: "./engine TestFilter",
	},
	{
		Name: "a short key equals a long one",
		File: "services/stager/engine/dedup.go", Edits: []Edit{{"d[15] |= 0x80", "d[15] &= 0x7f"}},
		Module: "services/stager", Test: "./engine TestKeyDigest",
	},
	{
		Name: "different rows have the same hash",
		File: "services/stager/engine/cell.go", Edits: []Edit{{"b = binary.AppendUvarint(b, uint64(len(v.text)))", "b = append(b, 0)"}},
		Module: "services/stager", Test: "./engine TestRowsAreComparedByTheirValues",
	},

	// A guessed id.
	{
		Name: "a name that matches two rows is matched with one",
		File: "services/stager/matching/names.go", Edits: []Edit{{
			"if id != \"\" && n.names[at].id != id {",
			"if id != \"\" && n.names[at].id == \"\" {"}},
		Module: "services/stager", Test: "./matching TestATieIsNull",
	},
	{
		Name: "a short form that matches two names is matched with one",
		File: "services/stager/matching/names.go", Edits: []Edit{{"if b.foreign || id != best && (", "if b.foreign && id != best && ("}},
		Module: "services/stager", Test: "./matching TestATieIsNull",
	},

	{
		Name: "a place is matched with a municipality of the same name in another comarca",
		File: "services/stager/matching/names.go", Edits: []Edit{{"case !slices.Contains(n.earlier[id], group), n.may", "case n.may"}},
		Module: "services/stager", Test: "./matching TestOutsideTheStatedGroup",
	},
	{
		Name: "an apostrophe that is a letter to Unicode makes another name",
		File: "platform/names/names.go", Edits: []Edit{{"\t\tcase isApostrophe(r):\n\t\t\tend()\n", ""}},
		Module: "platform", Test: "./names TestFoldingRemovesTheWayOfWriting",
	},
	{
		Name: "a natural name keeps its article behind the comma when its apostrophe is another",
		File: "platform/names/names.go", Edits: []Edit{{"\t\t\treturn '\\''\n", "\t\t\treturn r\n"}},
		Module: "platform", Test: "./names TestFoldingRemovesTheWayOfWriting",
	},
	{
		Name: "a refused name keeps its folded form",
		File: "services/stager/engine/names.go", Edits: []Edit{{"if n.of != column {", "if n.of != column || !w.cells[n.column].null {"}},
		Module: "services/stager", Test: "./engine TestCases/names$",
	},
	{
		Name: "a column holds the folded form of a personal field",
		File: "platform/contract/names.go", Edits: []Edit{{"case named.Personal():", "case false:"}},
		Module: "platform", Test: "./contract TestProblemsOfInvalidContracts/names",
	},

	// A staged file that differs from its rows, is incomplete, or differs from run to run.
	{
		Name: "values and indices are confused when a dictionary ends within a row group",
		File: "services/stager/engine/job.go", Edits: []Edit{{
			"current.plain[column] = current.rows - 1",
			"current.plain[column] = current.rows"}},
		Module: "services/stager", Test: "./engine TestDictionariesOverflow",
	},
	{
		Name: "a reader skips rows because a column's statistics are wrong",
		File: "services/stager/engine/physical.go", Edits: []Edit{{
			"decimalWidth(int(t.Precision)), lessDecimal",
			"decimalWidth(int(t.Precision)), lessBytes"}},
		Module: "services/stager", Test: "./engine TestGeneratedRuns",
	},
	{
		Name: "a file is committed before its last row group",
		File: "services/stager/engine/encoders.go", Edits: []Edit{{"err := f.await(of.groups)", "err := s.failed()"}},
		Module: "services/stager", Test: "./engine TestRandomPages",
	},
	{
		Name: "the files of a failed run are committed",
		File: "services/stager/engine/stage.go", Edits: []Edit{{
			"if err := j.eachPage(ctx, j.process); err != nil || len(j.newConflicts) > 0 {\n\t\t\treturn err",
			"if err := j.eachPage(ctx, j.process); len(j.newConflicts) > 0 {\n\t\t\treturn err"}},
		Module: "services/stager", Test: "./engine TestReadingFails",
	},
	{
		Name: "the refused rows of a page use all memory",
		File: "services/stager/engine/worker.go", Edits: []Edit{{"if b.badBytes > maxBatchBad {", "if false {"}},
		Module: "services/stager", Test: "./engine TestPageOfRejectedRows",
	},
	{
		Name: "a table whose roles moved to other dimensions is taken as unchanged",
		File: "platform/source/idescat/cube.go", Edits: []Edit{{`{"id", "size", "role", "dimension"}`, `{"id", "size", "dimension"}`}},
		Module: "platform", Test: "./source/idescat TestRolesAreDescribed",
	},
	{
		Name: "one of two dimensions without a role is used as the sectors",
		File: "platform/source/idescat/roles.go", Edits: []Edit{{
			"if len(f.dims) == 1 || len(f.dims) > 1 && role != roleless {",
			"if len(f.dims) > 0 {"}},
		Module: "platform", Test: "./source/idescat TestDimensionsByRole",
	},
	{
		Name: "row groups are written in the order in which encoders finish",
		File: "services/stager/engine/parquet.go", Edits: []Edit{{
			"for p.next != number && p.err == nil {",
			"for p.next < 0 && p.err == nil {"}},
		Module: "services/stager", Test: "./engine TestRowGroupsAreWrittenInOrder",
	},
	{
		Name: "pages are processed in the order in which workers finish",
		File: "services/stager/engine/pages.go", Edits: []Edit{
			{"ready[b.page%window] <- b", "ready[0] <- b"},
			{"case b = <-ready[page%window]:", "case b = <-ready[0]:"},
		},
		Module: "services/stager", Test: "./engine TestSameBytes|TestGeneratedRuns",
	},
	{
		Name: "the memory that a run is given changes its bytes",
		File: "services/stager/engine/job.go", Edits: []Edit{{
			"for j.open > openBytes {",
			"for j.open > min(openBytes, int(j.options.keyBytes())) {"}},
		Module: "services/stager", Test: "./engine TestMoreKeysThanMemory",
	},

	// Simulated data used as real data.
	{
		Name: "a row that the simulator does not mark is labelled as published by a portal",
		File: "services/stager/engine/plan.go", Edits: []Edit{{"case !p.simulated && (raw == nil", "case (raw == nil"}},
		Module: "services/stager", Test: "./engine TestSimulatedRowsAreMarked",
	},
	{
		Name: "rows staged from a folder are labelled as published by a portal",
		File: "operations/staging/staging.go", Edits: []Edit{{
			`Unofficial = string(lake.UnofficialOrigin("folder"))`,
			`Unofficial = string(lake.OfficialOrigin("https://analisi.transparenciacatalunya.cat"))`}},
		Module: "cmd/llac", Test: "./cli TestStageGolden/stage$",
	},

	{
		Name: "real rows are matched with a simulated reference",
		File: "services/stager/references.go", Edits: []Edit{{"if !lake.Origin(sourceSystem).MayReferTo(p.Origin()) {", "if false {"}},
		Module: "services/stager", Test: ". TestReferencesThatCannotBeUsed/simulated",
	},
	{
		Name: "rows of a named source are matched with a simulated folder",
		File: "operations/staging/references.go", Edits: []Edit{{
			"if s.Simulated && !lake.Origin(o.SourceSystem).Simulated() {",
			"if s.Simulated && lake.Origin(o.SourceSystem).Simulated() {"}},
		Module: "cmd/llac", Test: "./cli TestStageReferenceRefused",
	},

	// A secret or personal field in output.
	{
		Name: "a contract stages a personal field under another name",
		File: "platform/contract/privacy.go", Edits: []Edit{{
			"if other, ok := personal[f.Source]; ok && !f.Personal() {",
			"if other, ok := personal[f.Source]; ok && f.Personal() && !f.Personal() {"}},
		Module: "platform", Test: "./contract Test",
	},

	{
		Name: "a contract lists a personal field among the published columns",
		File: "platform/contract/source_fields.go", Edits: []Edit{{"case f.Personal():", "case f.Personal() && staged.exists():"}},
		Module: "platform", Test: "./contract TestProblemsOfInvalidContracts/earlier_forms",
	},
	{
		Name: "a contract of an earlier version is rewritten with another meaning",
		File: "platform/contract/migrate.go", Edits: []Edit{{
			"return reflect.DeepEqual(meaning(a), meaning(b))", "return reflect.DeepEqual(meaning(a).Dataset, meaning(b).Dataset)"}},
		Module: "platform", Test: "./contract TestSameMeaning",
	},
	{
		Name: "a contract matches within a personal field",
		File: "platform/contract/match.go", Edits: []Edit{{"case w.Personal():", "case w.Personal() && !w.Personal():"}},
		Module: "platform", Test: "./contract TestProblemsOfInvalidContracts/match_personal",
	},
	{
		Name: "a personal field is staged",
		File: "services/stager/engine/plan.go", Edits: []Edit{
			{"if f.Personal() || !f.Staged {", "if !f.Staged {"},
			{"if as, ok := personal[f.Source]; ok {", "if as, ok := personal[f.Source]; ok && as != f.Name {"},
		},
		Module: "services/stager", Test: "./engine TestPersonalValuesNeverLeaveThePage",
	},
	{
		Name: "the engine stages a personal field under another name",
		File: "services/stager/engine/plan.go", Edits: []Edit{{
			"if as, ok := personal[f.Source]; ok {",
			"if as, ok := personal[f.Source]; ok && as == \"\" {"}},
		Module: "services/stager", Test: "./engine TestCases/personal_by_another_name",
	},
	{
		Name: "quarantined rows show fields that the contract does not make public",
		File: "services/stager/engine/plan.go", Edits: []Edit{{"if hidden[s] {", "if s == \"\" {"}},
		Module: "services/stager", Test: "./engine TestCases/quarantine_shows_public_fields_only",
	},
	{
		Name: "the message of a refused row contains the value",
		File: "services/stager/engine/column.go", Edits: []Edit{{
			"c.reject(BadInteger, \"want a whole number of 64 bits\")",
			"c.reject(BadInteger, \"want a whole number of 64 bits, not \"+string(text))"}},
		Module: "services/stager", Test: "./engine TestMessagesNameNoValue",
	},

	// A panic on bad input.
	{
		Name: "a panic in a handler ends its service",
		File: "platform/runtime/worker.go", Edits: []Edit{{"if p := recover(); p != nil {", "if p := any(nil); p != nil {"}},
		Module: "platform", Test: "./runtime TestPermanentFailuresGoToTheDeadLetterQueue",
	},
	{
		Name: "a panic while a run is staged ends the service",
		File: "services/stager/engine/pages.go", Edits: []Edit{{"if p := recover(); p != nil {", "if p := any(nil); p != nil {"}},
		Module: "services/stager", Test: "./engine TestPanicsAreFaults",
	},

	// Marts.
	{
		Name: "marts are published although a test failed",
		File: "operations/marts/results.go", Edits: []Edit{{"\tif failing {\n", "\tif false {\n"}},
		Module: "operations", Test: "./marts TestOneFailedTestPreventsPublication",
	},
	{
		Name: "a mart is published without a test of its grain",
		File: "operations/marts/grain.go", Edits: []Edit{{"case m.proofs != nil:", "case m.Key != nil:"}},
		Module: "operations", Test: "./marts TestMartsMustDeclareAndProveTheirGrain",
	},
	{
		Name: "a mart is published although the test of its grain only warned",
		File: "operations/marts/grain.go", Edits: []Edit{{"results[id].Status != \"pass\" || results[id].Failures != 0", "false"}},
		Module: "operations", Test: "./marts TestAGrainWhoseTestOnlyWarns",
	},
	{
		Name: "one build of marts overwrites another",
		File: "operations/marts/publish.go", Edits: []Edit{{
			"_, err = b.Store.CompareAndSwap(ctx, lake.MartsPointerKey, lake.Encode(b.next), b.plan.etag)",
			"_, err = b.Store.Put(ctx, lake.MartsPointerKey, lake.Encode(b.next))"}},
		Module: "operations", Test: "./marts TestTwoBuildsAtOnce",
	},
	{
		Name: "two builds of marts have the same id",
		File: "operations/marts/record.go", Edits: []Edit{{
			"_, outcome, err := store.PutIfAbsent(ctx, lake.MartsClaimKey(build), lake.Encode(who))",
			"_, err := store.Put(ctx, lake.MartsClaimKey(build), lake.Encode(who))\n\t\toutcome := lake.Created"}},
		Module: "operations", Test: "./marts TestTwoBuildsAtOnce",
	},
	{
		Name: "readers see marts of which some are not written",
		File: "operations/marts/build.go", Edits: []Edit{{
			"{\"export\", b.export}, {\"publish\", b.publish},",
			"{\"publish\", b.publish}, {\"export\", b.export},"}},
		Module: "operations", Test: "./marts TestACrashChangesNothingForReaders",
	},
	{
		Name: "marts of an environment are built from bytes that were not published",
		File: "operations/marts/copies.go", Edits: []Edit{{
			"case err == nil && size == o.Size && sum == o.SHA256:",
			"case err == nil && size+o.Size >= 0 && sum != \"\":"}},
		Module: "operations", Test: "./marts TestCopiesRefuseOtherObjects",
	},
	{
		Name: "marts of an environment are built from a changed copy",
		File: "operations/marts/copies.go", Edits: []Edit{{
			"err == nil && size == o.Size && sum == o.SHA256 {",
			"err == nil && size == o.Size && sum != \"\" {"}},
		Module: "operations", Test: "./marts TestCopies",
	},
	{
		Name: "a slow update of the tables moves readers of the marts back to an earlier build",
		File: "platform/catalogue/marts.go", Edits: []Edit{{
			"public[m.Name], err = tables.table(ctx, m.Name)",
			"public[m.Name], err = nil, nil"}, {
			"flipped, err := tables.flip(ctx, public[*view.Name], view)",
			"there, _ := tables.table(ctx, *view.Name)\n\t\tflipped, err := tables.flip(ctx, there, view)"}},
		Module: "platform", Test: "./catalogue TestMartsASlowFollower",
	},
	{
		Name: "files of marts that readers used recently are deleted",
		File: "operations/marts/clean.go", Edits: []Edit{{"\t\tadd(r.Marts)\n", ""}},
		Module: "operations", Test: "./marts TestClean$",
	},
	{
		Name: "files of marts are deleted before the record of the reason",
		File: "operations/marts/clean.go", Edits: []Edit{{
			"_, _, err := o.Store.PutIfAbsent(ctx, lake.MartsCleanedKey(lake.Slot(at)), lake.Encode(c))",
			"var err error"}},
		Module: "operations", Test: "./marts TestClean$",
	},
	{
		Name: "marts are built from simulated and real datasets together",
		File: "operations/marts/plan.go", Edits: []Edit{{"\t\treturn e // Invariant 11\n", "\t\t_ = e\n"}},
		Module: "operations", Test: "./marts TestPlanRefusesToMixOrigins",
	},
	{
		Name: "marts of real datasets continue simulated ones",
		File: "operations/marts/plan.go", Edits: []Edit{{
			"if origin := lake.Origin(m.SourceSystem); origin != \"\" && !origin.Alike(p.origin()) {",
			"if false {"}},
		Module: "operations", Test: "./marts TestUsableMarts",
	},
	{
		Name: "a mart does not contain the origin of its rows",
		File: "operations/marts/measure.go", Edits: []Edit{{
			"if err := checkOrigin(entry, b.plan.origin()); err != nil {",
			"if err := error(nil); err != nil {"}},
		Module: "operations", Test: "./marts TestRowsWithAWrongOrigin",
	},

	// Queries.
	{
		Name: "a query gives other days in another time zone",
		File: "operations/duckdb/programs/database.py", Edits: []Edit{{"    \"TimeZone\": \"UTC\",\n", ""}},
		Module: "operations", Test: "./duckdb TestSettings",
	},
	{
		Name: "a query overwrites a file of the lake",
		File: "operations/duckdb/programs/session.py", Edits: []Edit{{
			"token not in (\"string_const\", \"comment\")",
			"False"}},
		Module: "operations", Test: "./duckdb TestLookChangesNothing",
	},
	{
		Name: "a query reads files outside of the lake",
		File: "operations/duckdb/programs/session.py", Edits: []Edit{{"run(\"set enable_external_access = false\")", "pass"}},
		Module: "operations", Test: "./duckdb TestLookChangesNothing",
	},
	{
		Name: "a result from simulated data is not labelled as simulated",
		File: "operations/duckdb/programs/session.py", Edits: []Edit{{
			"return [n for n in used if self.views[n][\"simulated\"]]",
			"return []"}},
		Module: "operations", Test: "./duckdb TestLook$",
	},
	{
		Name: "an invented figure is presented as a fact",
		File: "operations/answer/answer.go", Edits: []Edit{{
			"case invented > 0:",
			"case false:"}, {
			" and data_origin in ('recorded', 'published')\norder",
			"\norder"}},
		Module: "operations", Test: "./answer TestPopulationRefused",
	},
	{
		Name: "a table in a narrow terminal does not show which data are simulated",
		File: "cmd/llac/cli/cmd_runs.go", Edits: []Edit{{`"~DATA"`, `"?DATA"`}},
		Module: "cmd/llac", Test: "./cli TestProvenanceIsShownInEveryWidth",
	},
	{
		Name: "a file of simulated data is not labelled as simulated",
		File: "operations/export/describe.go", Edits: []Edit{{"case !t.Simulated:", "case true:"}},
		Module: "cmd/llac", Test: "./cli TestSQLAndExport",
	},

	// Deploys.
	{
		Name: "an outdated deploy moves an environment back",
		File: "test/changed/main.go", Edits: []Edit{{
			"if err == nil {\n\t\t\terr = t.notOlder(since)\n\t\t}",
			"if err == nil {\n\t\t\t_ = t.notOlder(since)\n\t\t}"}},
		Module: "test", Test: "./changed TestSinceDeployedBuild",
	},
	{
		Name: "a vulnerability check that did not run reports success",
		File: "test/vulncheck/main.go", Edits: []Edit{{"\t\treturn unchecked\n", "\t\treturn 0\n"}},
		Module: "test", Test: "./vulncheck TestMissingDatabase",
	},

	// Permissions.
	{
		Name: "a service has a permission that it does not need",
		File: "terraform/policies/quality-gate.json", Edits: []Edit{{
			"\"glue:UpdateTable\", ",
			"\"glue:UpdateTable\", \"glue:DeleteTable\", "}},
		Module: "test", Test: "./iam TestServices",
	},
	{
		Name: "a service lacks a permission that it needs",
		File: "terraform/policies/stager.json", Edits: []Edit{{
			"${data_bucket}/state/*/current.json",
			"${data_bucket}/state/*/cursor.json"}},
		Module: "test", Test: "./iam TestServices",
	},
	{
		Name: "a queue accepts messages over plain HTTP",
		File: "terraform/stacks/messaging/schedules.tf", Edits: []Edit{{
			"Effect    = \"Deny\"\n      Principal = \"*\"\n      Action    = \"sqs:*\"",
			"Effect    = \"Deny\"\n      Principal = \"*\"\n      Action    = \"sqs:SendMessage\""}},
		Module: "test", Test: "./terraform TestModules/stacks/messaging",
	},

	// Changes by operators.
	{
		Name: "a snapshot that is incomplete in the replica is restored",
		File: "operations/restore/pointer.go", Edits: []Edit{{"refused = r.checkAll(ctx, r.where(), p.objects)", "refused = nil"}},
		Module: "operations", Test: "./restore TestRestoreRefusesIncompleteSnapshots",
	},
	{
		Name: "a restore moves a pointer back",
		File: "operations/restore/dataset.go", Edits: []Edit{{"existing != nil && existing.Snapshot >= replica.Snapshot", "false"}},
		Module: "operations", Test: "./restore TestRestoreNeverOverwrites",
	},
	{
		Name: "contracts overwrite those that were published meanwhile",
		File: "operations/deploy/contracts.go", Edits: []Edit{{
			"p.store.CompareAndSwap(ctx, lake.ContractIndexKey, lake.Encode(p.index), p.etag)",
			"p.store.Put(ctx, lake.ContractIndexKey, lake.Encode(p.index))"}},
		Module: "operations", Test: "./deploy TestPublishContracts",
	},
	{
		Name: "a tick before the first contract becomes a dead letter",
		File: "services/scheduler/scheduler.go", Edits: []Edit{{"tick && errors.Is(unusable, runtime.ErrNoContracts)", "tick && false"}},
		Module: "services/scheduler", Test: ". TestTickBeforeAnyContract",
	},
}
