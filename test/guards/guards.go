package main

// guards are the places without which something that must never happen would happen.
var guards = []Guard{
	// An event lost or an effect doubled.
	{
		Name: "an event is lost when a service dies between receipt and publication",
		File: "platform/runtime/receipt.go", Edits: []Edit{{"if err != nil || done != nil {\n\t\t\treturn done.events(), err", "if err != nil || done != nil {\n\t\t\treturn nil, err"}},
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
		File: "platform/runtime/run.go", Edits: []Edit{{"\tctx, cancel := context.WithTimeout(m.Context(), c.Timeout)\n", "\tm.Ack() // before the work\n\tctx, cancel := context.WithTimeout(m.Context(), c.Timeout)\n"}},
		Module: "test", Test: "./chaos TestKilled/stager.effect-receipt",
	},
	{
		Name: "the loser of two deliveries at once publishes events of its own",
		File: "platform/runtime/receipt.go", Edits: []Edit{{"return winner.events(), err", "return out, err"}},
		Module: "platform", Test: "./runtime TestTwoDeliveriesAtOnce",
	},
	{
		Name: "a message is deleted although its dead letter was not taken",
		File: "platform/messaging/subscription.go", Edits: []Edit{{"\t\ts.answer(r, s.Backoff.Seconds(r.Receives))\n\t\treturn\n\t}\n\tlog.WarnContext(ctx, \"message sent", "\t}\n\tlog.WarnContext(ctx, \"message sent"}},
		Module: "platform", Test: "./messaging TestDeadLetterIsSentBeforeTheMessageIsDeleted",
	},
	{
		Name: "a scheduler's request is lost when its tick is redelivered",
		File: "services/scheduler/scheduler.go", Edits: []Edit{{"there.EventID == in.ID", "there.EventID == \"\""}},
		Module: "services/scheduler", Test: ". TestARedeliveredTickAsksAgain",
	},
	{
		Name: "a failed run ends in silence",
		File: "platform/runtime/giveup.go", Edits: []Edit{{"\tif err == nil {\n\t\terr = w.publish(ctx, out)\n\t}\n", "\t_ = out\n"}},
		Module: "platform", Test: "./runtime TestTransientFailureIsRetriedThenGivenUp",
	},

	{
		Name: "a continuation that died after its manifest meets it for ever",
		File: "services/fetcher/fetcher.go", Edits: []Edit{{"if !errors.Is(err, lake.ErrExists) {", "if err != nil {"}},
		Module: "services/fetcher", Test: ". TestACrashAtEachStepOfAContinuation",
	},
	{
		Name: "a message whose receipt is there is called failed because it came too often",
		File: "platform/runtime/worker.go", Edits: []Edit{{"return Process(ctx, w.service, w.ports, handle, in)", "if w.maxReceives > 0 && d.Receives > w.maxReceives {\n\t\t\treturn handle(ctx, in)\n\t\t}\n\t\treturn Process(ctx, w.service, w.ports, handle, in)"}},
		Module: "platform", Test: "./runtime TestAMessageWithAReceiptIsAnsweredHoweverOftenItCame",
	},

	// A published snapshot that did not pass the gate.
	{
		Name: "a candidate is published without a passing verdict",
		File: "services/quality-gate/publish.go", Edits: []Edit{{"if !v.Passed || v.Candidate.Key", "if false && v.Candidate.Key"}},
		Module: "services/quality-gate", Test: ". TestPartsWithoutAPassingVerdict",
	},
	{
		Name: "a verdict counts for other bytes than those it names",
		File: "services/quality-gate/verdict.go", Edits: []Edit{{"if v.Candidate.Key != candidate.Key || v.Candidate.SHA256 != candidate.SHA256 {", "if false {"}},
		Module: "services/quality-gate", Test: ". TestAVerdictForOtherBytes",
	},
	{
		Name: "the pointer goes back to an earlier slot",
		File: "services/quality-gate/gate.go", Edits: []Edit{{"if pointer == nil || pointer.Snapshot < run.Slot {", "if true || pointer.Snapshot < run.Slot {"}},
		Module: "test", Test: "./e2e TestLateRun",
	},
	{
		Name: "simulated data are published where only real ones may be",
		File: "services/quality-gate/audit.go", Edits: []Edit{{"case !g.ports.AllowSimulated:", "case false:"}},
		Module: "services/quality-gate", Test: ". TestSimulatedData",
	},
	{
		Name: "half of the slices look like the whole",
		File: "services/quality-gate/join.go", Edits: []Edit{{"if _, ok := j.Accepted[s]; !ok && !j.Unchanged[s] {", "if false {"}},
		Module: "services/quality-gate", Test: ". TestTheLastSlicePublishes",
	},

	// A landing object deleted without evidence.
	{
		Name: "a landing is deleted although nothing made from it is published",
		File: "services/landing-janitor/janitor.go", Edits: []Edit{{"if err := j.allowed(ctx, p, part); err != nil {", "if err := error(nil); err != nil {"}},
		Module: "services/landing-janitor", Test: ". TestWhatIsNotDeleted",
	},
	{
		Name: "a landing is deleted although its archive cannot be read back",
		File: "services/landing-janitor/archive.go", Edits: []Edit{{"if !bytes.Equal(unpacked, raw) {", "if bytes.Equal(unpacked, nil) {"}},
		Module: "services/landing-janitor", Test: ". TestACorruptArchiveKeepsTheLanding",
	},
	{
		Name: "the sweep deletes what a message may still name",
		File: "services/landing-janitor/sweep.go", Edits: []Edit{{"now.Sub(i.Modified) > orphanAge", "now.Sub(i.Modified) > 0"}},
		Module: "services/landing-janitor", Test: ". TestOrphans",
	},
	{
		Name: "a landing is deleted without durable evidence",
		File: "services/landing-janitor/janitor.go", Edits: []Edit{{"info, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body)", "info, err := lake.Info{}, error(nil)"}},
		Module: "services/landing-janitor", Test: ". TestEvidenceComesFirst",
	},
	{
		Name: "the sweep deletes without durable evidence",
		File: "services/landing-janitor/sweep.go", Edits: []Edit{{"if _, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body); err != nil {", "if err := error(nil); err != nil {\n\t\t_, _ = key, body"}},
		Module: "services/landing-janitor", Test: ". TestOrphans|TestASupersededSnapshot",
	},

	// A row dropped without a quarantine record; a partial result that looks whole.
	{
		Name: "rows are lost while paging and nobody counts",
		File: "services/validator/validator.go", Edits: []Edit{{"want >= 0 && rows != want", "want >= 0 && rows > 1<<62"}},
		Module: "services/validator", Test: ". TestLandingsThatCannotBeTrusted",
	},
	{
		Name: "bytes that are no UTF-8 pass for text",
		File: "platform/source/strings.go", Edits: []Edit{{"if r == utf8.RuneError && n == 1 {", "if false {"}, {"r, n := utf8", "_, n := utf8"}},
		Module: "platform", Test: "./source TestBadRows",
	},
	{
		Name: "an object that somebody changed is read as if it were the one that was written",
		File: "platform/lake/store.go", Edits: []Edit{{"if got := SHA256(into); int64(len(into)) != o.Size || got != o.SHA256 {", "if got := SHA256(into); got == \"\" {"}},
		Module: "platform", Test: "./lake TestReadRefusesOtherBytes",
	},

	{
		Name: "a candidate is made of bytes that the spool's disk has changed",
		File: "services/stager/sink.go", Edits: []Edit{{"if info.Size != written.Size || info.SHA256 != written.SHA256 {", "if info.Size < 0 {"}},
		Module: "services/stager", Test: ". TestSpoolThatLies",
	},
	{
		Name: "a staging into a folder is visible before it is whole",
		File: "cmd/llac/folder/output.go", Edits: []Edit{{`path := o.path(o.hidden("new", "staging"), o.hidden("new", "quarantine"), of)`, "path := o.Path(of)"}},
		Module: "cmd/llac", Test: "./folder TestPublish",
	},

	// Simulated data taken for real.
	{
		Name: "rows staged from a folder say that a portal published them",
		File: "cmd/llac/cli/cmd_stage.go", Edits: []Edit{{`unofficialFolder = "unofficial:folder"`, `unofficialFolder = "analisi.transparenciacatalunya.cat"`}},
		Module: "cmd/llac", Test: "./cli TestStageGolden/stage$",
	},

	// A secret or personal field in what people see.
	{
		Name: "a contract stages a personal field under another name",
		File: "platform/contract/privacy.go", Edits: []Edit{{"if other, ok := personal[f.Source]; ok && !f.Personal() {", "if other, ok := personal[f.Source]; ok && f.Personal() && !f.Personal() {"}},
		Module: "platform", Test: "./contract Test",
	},

	{
		Name: "quarantined rows show fields that the contract does not make public",
		File: "services/stager/engine/quarantine.go", Edits: []Edit{{"if p.exposed[f.Name] {", "if p.exposedAll = append(p.exposedAll, f.Name); true {"}},
		Module: "services/stager", Test: ". TestPersonalValuesStayInLanding",
	},

	// A panic on bad input.
	{
		Name: "a panic in a handler takes its service down",
		File: "platform/runtime/worker.go", Edits: []Edit{{"if p := recover(); p != nil {", "if p := any(nil); p != nil {"}},
		Module: "platform", Test: "./runtime TestMessagesThatNoRetryWillMend",
	},
}
