"""Construct all services from the settings."""

from __future__ import annotations

import base64
import copy
import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simsvc.adapters.crypto.argon2_hasher import Argon2Hasher
from simsvc.adapters.crypto.fernet_cipher import FernetCipher
from simsvc.adapters.crypto.log_key import LogKeyFile
from simsvc.adapters.crypto.secret_key import kept_secret_key
from simsvc.adapters.crypto.totp import PyotpCodes
from simsvc.adapters.index.build_store import IndexStore
from simsvc.adapters.index.changed_files import ChangedFile, read_changed
from simsvc.adapters.index.current import CurrentIndex
from simsvc.adapters.index.engines.chosen import open_index
from simsvc.adapters.index.face_list import FaceFacts, FaceLister, read_facts
from simsvc.adapters.index.live_index import LiveGallery
from simsvc.adapters.inference.bundle import Bundle, load_bundle, load_document
from simsvc.adapters.inference.chosen_model import served_model
from simsvc.adapters.inference.model_card import plots, read_card, read_plot
from simsvc.adapters.inference.onnx_detector import detector_of
from simsvc.adapters.oidc.provider import OidcProvider
from simsvc.adapters.ops.background import start_command
from simsvc.adapters.ops.log_state import LogStateFile
from simsvc.adapters.ops.private_files import PrivatePlaces, sqlite_files
from simsvc.adapters.ops.read_queue import NoReadLog, ReadQueue
from simsvc.adapters.ops.work_process import StopSignal, work, worker_name
from simsvc.adapters.photos.photo_decoder import PhotoDecoder
from simsvc.domain.accounts.identity import RoleRule
from simsvc.domain.accounts.quota import Quota
from simsvc.domain.accounts.session_age import LONGEST
from simsvc.domain.estimate.rules import parse_rules
from simsvc.domain.gallery.build_figures import BuildFigures, build_figures
from simsvc.domain.gallery.manifest import Manifest
from simsvc.domain.gallery.recall import QUERIES, K
from simsvc.domain.model.card import ModelPage, card_parts, model_parts
from simsvc.errors import (
    BundleError,
    IndexNotServed,
    IndexUnusable,
    ModelNotLogged,
    OidcRefused,
    StoreError,
)
from simsvc.flows.access.accounts import Accounts, utc_now
from simsvc.flows.access.identity import Identities
from simsvc.flows.access.second_factor import SecondFactors
from simsvc.flows.access.tokens import Tokens
from simsvc.flows.audit.keep_log import LogKeeper
from simsvc.flows.audit.log_start import log_start
from simsvc.flows.audit.verifications import Verifier
from simsvc.flows.estimates.batch import Batches
from simsvc.flows.estimates.batch_work import BatchWork
from simsvc.flows.estimates.estimate import ONE_VOTE_READING, EstimatePipeline, check_prior
from simsvc.flows.gallery.import_faces import Imports
from simsvc.flows.gallery.measure_recall import TimedRecall, measure_recall
from simsvc.flows.gallery.switch_index import Switcher, What
from simsvc.flows.referrals import Referrals
from simsvc.ports import ReadLog
from simsvc.settings import Settings, cores, environment_of
from simsvc.store.access.accounts import AccountStore
from simsvc.store.access.identities import IdentityStore
from simsvc.store.access.second_factors import SecondFactorStore
from simsvc.store.access.sessions import SessionStore
from simsvc.store.access.tokens import TokenStore
from simsvc.store.audit.cosignatures import CosignatureStore
from simsvc.store.audit.event_stream import EventStreamStore
from simsvc.store.audit.log import EventLog
from simsvc.store.audit.log_tiles import LogTree
from simsvc.store.audit.reads import ReadStore
from simsvc.store.audit.served_log import ServedLog
from simsvc.store.audit.verifications import VerificationStore
from simsvc.store.database import Database, sqlite_file, without_password
from simsvc.store.desk.batch_triage import BatchTriageStore
from simsvc.store.desk.batches import BatchStore
from simsvc.store.desk.cases import CaseStore
from simsvc.store.desk.declared_outcomes import DeclaredOutcomeStore
from simsvc.store.desk.history import HistoryStore
from simsvc.store.desk.origins import OriginStore
from simsvc.store.desk.overview import OverviewStore
from simsvc.store.desk.periods import PeriodStore
from simsvc.store.desk.saved_views import SavedViewStore
from simsvc.store.index.builds import BuildStore
from simsvc.store.index.faces import FaceStore
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.records.inventory import InventoryStore
from simsvc.store.records.retirement import KeepingStore
from simsvc.store.records.switches import ModelSwitchStore, SwitchStore
from simsvc.store.request_keys import RequestKeyStore
from simsvc.store.reviews.case_access import seen_by
from simsvc.store.reviews.decisions import DecisionStore
from simsvc.store.reviews.notifications import NotificationStore, Outbox
from simsvc.store.reviews.referrals import ReferralStore
from simsvc.store.reviews.undecided import UndecidedStore
from simsvc.store.scrubbing import Scrubber
from simsvc.store.sent_forms import SentFormStore
from simsvc.store.turns import Turns
from simsvc.values import Crop, LabelledFace, Photo, Recall
from simsvc.values.audit.log import Outside, SignedCheckpoint
from simsvc.values.events import COMMAND, Break
from simsvc.values.hosts import Host
from simsvc.values.notifications import Channel
from simsvc.values.referrals import Reader
from simsvc.wiring.audit.event_stream import StreamLag, sink, stream_lag, streamer
from simsvc.wiring.audit.log_keeper import LogKeeperThread
from simsvc.wiring.audit.log_outbox import StreamThread, WitnessThread
from simsvc.wiring.audit.served import admit, index_guard, model_problem, open_bundle, served_breaks
from simsvc.wiring.audit.shared_state import SharedLogState
from simsvc.wiring.audit.witnesses import WitnessDesk, make_witnesses
from simsvc.wiring.hosts.host_watch import HostWatch, boot_id, host_id, key_digest
from simsvc.wiring.hosts.index_shelf import open_shelf
from simsvc.wiring.hosts.objects import open_imports, open_models, open_objects, open_spool
from simsvc.wiring.hosts.release import installed_version, newest_revision

_log = logging.getLogger(__name__)
LAST_S = 3.0
"""How long a process that ends waits for the witnesses, and for the receiver of events."""
OPEN_GALLERIES = 8
"""Cached builds for thumbnails: the one in service and those of recent records."""


@dataclass(slots=True)
class _Opened:
    """What is opened once and shared by all readers' views of the services."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pipeline: EstimatePipeline | None = None
    current: CurrentIndex | None = None
    model_mark: ChangedFile | None = None


class Services:
    """All services of a worker process, constructed lazily.

    Create it after the worker forked, because ONNX Runtime's threads and database connections do not survive
    a fork. A part that cannot be constructed raises its error on every access, so that the service recovers
    without a restart.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.database = open_database(settings)
        self.objects = open_objects(settings)
        self.shelf = open_shelf(settings, self.database, self.objects)
        self.log = EventLog(self.database, self.shelf.journal.sha256s, self._served_breaks)
        self.reads = ReadStore(self.database)
        self.read_log = _read_log(self.reads, settings)
        self.cipher = FernetCipher(settings.photo_keys) if settings.photo_keys else None
        self.waiting_room = open_spool(settings, self.objects)
        self._opened = _Opened()
        self._open_records(self.database)
        self.saved_views = SavedViewStore(self.database)
        self.notifications = NotificationStore(self.database)
        self.users = AccountStore(self.database)
        self.accounts = Accounts(self.users, Argon2Hasher(), now, codes=settings.second_factor != "off")
        self.sessions = SessionStore(self.database, LONGEST, timedelta(minutes=settings.idle_minutes))
        self.second_factor_book = SecondFactorStore(self.database)
        self.token_book = TokenStore(self.database)
        self.tokens = Tokens(self.token_book, now)
        self.request_keys = RequestKeyStore(self.database, now)
        self.sent_forms = SentFormStore(self.database)
        self.import_spool = open_imports(settings, self.objects)
        self.imports = Imports(self.import_spool, self._start_import, now, settings.max_batch_bytes)
        self.builds = BuildStore(self.database)
        self.faces = FaceStore(self.database)
        self.switches = SwitchStore(self.database)
        self.inventory = InventoryStore(self.database)
        self.declared_outcomes = DeclaredOutcomeStore(self.database)
        self.overview = OverviewStore(self.database)
        self.keeping = KeepingStore(self.database)
        self.model_switches = ModelSwitchStore(self.database)
        self.verifications = VerificationStore(self.database)
        self.log_tree = LogTree(self.database)
        self.host_watch = HostWatch(self.database, self._me, now)
        self.log_keeper = self._log_keeper(settings.log_key_path)
        self.log_thread = LogKeeperThread(self.log_keeper)
        self._open_witnesses()
        self.verifier = Verifier(self.log.snapshot, self.verifications, now, outside=self.outside)
        self.decoder = PhotoDecoder()
        self.models = open_models(settings, self.objects)
        self._recall = lru_cache(maxsize=OPEN_GALLERIES)(self.timed_recall)
        self._gallery = lru_cache(maxsize=OPEN_GALLERIES)(self.shelf.gallery)
        self._face_facts = lru_cache(maxsize=OPEN_GALLERIES)(self._read_face_facts)
        client = (settings.oidc_client_id, settings.oidc_client_secret)
        self._provider = OidcProvider(settings.oidc_issuer, *client, now) if settings.oidc_issuer else None

    def _log_keeper(self, key: Path) -> LogKeeper:
        state, origin = SharedLogState(key.parent, Turns(self.database)), self.settings.log_origin
        return LogKeeper(self.log_tree, LogKeyFile(key), state, self.log, self.now, origin)

    def _open_witnesses(self) -> None:
        settings, database = self.settings, self.database
        state = LogStateFile(settings.log_key_path.parent)
        self.witness_desk = WitnessDesk(settings, database, self.log, state, self.now)
        self.witness_thread = WitnessThread(
            self.witness_desk, settings.log_key_path.parent, self.now, Turns(database)
        )
        self.cosignatures = CosignatureStore(database)
        self.streamer = streamer(settings, database, self.log, self.now)
        self.stream_thread = StreamThread(self.streamer)

    def outside(self) -> Outside:
        """Return what is known of the log from outside the database, having asked the witnesses.

        Raises:
            StoreError: the database cannot be read.
        """
        return self.witness_desk.outside(self.log_keeper.outside())

    def start_log_threads(self) -> None:
        """Sign the log, tell the witnesses and stream events from now on; call it after a fork."""
        for thread in (self.log_thread, self.witness_thread, self.stream_thread, self.host_watch):
            thread.start()

    def stop_log_threads(self) -> None:
        """Have the last events signed, witnessed and streamed, as far as that takes a few seconds at most."""
        self.log_thread.stop()
        self.witness_thread.stop(LAST_S)
        self.stream_thread.stop(LAST_S)
        self.host_watch.stop(0)

    def _me(self) -> Host:
        settings, opened = self.settings, self._opened.pipeline
        model: str | None = None
        with suppress(BundleError):
            model = opened.bundle_sha256 if opened else self.model_document().document_sha256
        return Host(
            host_id(settings.host, settings.index_root, boot_id()),
            settings.host,
            installed_version(),
            newest_revision(),
            model,
            key_digest(self.secret_key()),
        )

    def admit(self) -> None:
        """Raise what keeps this host from making estimates.

        Raises:
            HostRefused: it differs from the others that share its database.
            WitnessMissing: the settings require a witness, and none has seen the latest events.
            StoreError: the database cannot be used.
        """
        self.host_watch.require()
        self.witness_desk.require()

    def acknowledge_restore(self, words: str, actor: str = COMMAND) -> SignedCheckpoint:
        """Record that events were lost by a restore, and hold what witnesses saw against the log no longer.

        Raises:
            LogKeyRefused: the log cannot be signed.
            LogDiffers: the database contradicts itself, so that it was no restore.
            StoreError: the database cannot be used.
        """
        checkpoint = self.log_keeper.acknowledge(words, actor)
        self.witness_desk.flow.acknowledge()
        return checkpoint

    def resend_events(self, seq: int) -> None:
        """Have events from a number on streamed again.

        Raises:
            StoreError: the database cannot be used.
        """
        EventStreamStore(self.database).resend_from(seq)

    def stream_lag(self) -> StreamLag | None:
        """Return how far behind the stream of events is, or None if no receiver is set.

        Raises:
            StoreError: the database cannot be read.
        """
        if self.streamer is None:
            return None
        return stream_lag(self.database, self.log, self.now())

    def _open_records(self, database: Database) -> None:
        """Open the stores of everything whose readers may be limited; see `store.case_access`."""
        settings, now = self.settings, self.now
        self.database = database
        self.estimates = EstimateStore(database, self.cipher)
        self.referrals = ReferralStore(database, Outbox(_channels(settings)))
        self.decisions = DecisionStore(database, self.referrals)
        self.history = HistoryStore(database)
        self.undecided = UndecidedStore(database)
        self.origins = OriginStore(database)
        self.cases = CaseStore(database)
        self.periods = PeriodStore(database)
        quota = Quota(settings.max_waiting_photos, settings.max_waiting_bytes)
        self.batch_book = BatchStore(database, self.estimates, quota)
        self.batch_triage = BatchTriageStore(database)
        room, most_bytes = self.waiting_room, settings.max_batch_bytes
        self.batches = Batches(self.batch_book, room, now, most_bytes, quota)

    def seen_by(self, reader: Reader) -> Services:
        """Return the same services, whose stores find only what a reader may see."""
        view = copy.copy(self)
        view._open_records(seen_by(self.database.unlimited(), reader))
        return view

    def referral_desk(self) -> Referrals:
        """Return the operations on referrals."""
        return Referrals(self.referrals, self.decisions, self.users.all, self.now)

    def secret_key(self) -> str:
        """Return the session key, created on first use if not set.

        Raises:
            SettingsError: the key file cannot be used.
        """
        return self.settings.secret_key or kept_secret_key(self.settings.secret_key_file)

    def derived_cipher(self, purpose: bytes) -> FernetCipher:
        """Return a cipher whose key follows from the session key; another purpose has another key.

        Raises:
            SettingsError: the key file cannot be used.
        """
        key = hmac.digest(self.secret_key().encode(), purpose, "sha256")
        return FernetCipher([base64.urlsafe_b64encode(key).decode()])

    def second_factors(self) -> SecondFactors:
        """Return the operations on second factors.

        Raises:
            SettingsError: the key file cannot be used.
        """
        cipher = self.derived_cipher(b"simsvc: second factors")
        return SecondFactors(self.second_factor_book, self.users, PyotpCodes(), cipher, self.now)

    def provider(self) -> OidcProvider:
        """Return the OpenID provider.

        Raises:
            OidcRefused: none is set.
        """
        if self._provider is None:
            raise OidcRefused("off")
        return self._provider

    def identities(self) -> Identities:
        """Return the sign-in with identities of the OpenID provider."""
        settings = self.settings
        rule = RoleRule(settings.oidc_role_claim, settings.oidc_roles)
        creates = settings.oidc_accounts == "created"
        return Identities(IdentityStore(self.database), self.users, self.now, creates=creates, rule=rule)

    def names(self, actors: Iterable[str | None]) -> dict[str, str]:
        """Return the names of accounts and tokens by their IDs in records; unknown ones are omitted.

        Raises:
            StoreError: the database cannot be read.
        """
        asked = set(actors)
        return {**self.users.names(asked), **self.token_book.names(asked)}

    def all_names(self) -> dict[str, str]:
        """Return the names of all accounts and tokens by their IDs in records.

        Raises:
            StoreError: the database cannot be read.
        """
        tokens = {token.actor: token.name for token in self.token_book.all()}
        return {**{user.id: user.name for user in self.users.all()}, **tokens}

    def pipeline(self) -> EstimatePipeline:
        """Return what an estimate needs.

        Raises:
            BundleError: the model cannot be used.
        """
        with self._opened.lock:
            if self._opened.pipeline is None:
                self._opened.pipeline = self._open_pipeline()
            return self._opened.pipeline

    def bulk_pipeline(self, callers: int) -> EstimatePipeline:
        """Return the same for so many threads that judge at the same time.

        Raises:
            BundleError: the model cannot be used.
        """
        pipeline, settings = self.pipeline(), self.settings
        if settings.engine == "onnxruntime":  # sessions are thread-safe
            return pipeline
        bundle = load_bundle(settings.bundle_dir)
        return replace(pipeline, model=served_model(bundle, settings.engine, settings.threads, callers))

    def index_problem(self) -> IndexUnusable | None:
        """Return why the build in current.json is not the one in service, or None if it is."""
        return self._opened.current.problem if self._opened.current else None

    def model_problem(self) -> ModelNotLogged | None:
        """Return how the bundle folder differs from the model in service, if it does, and log it once.

        Raises:
            BundleError: the model cannot be used.
            StoreError: the database cannot be used.
        """
        opened_sha256 = self.pipeline().bundle_sha256 or ""
        return model_problem(self.settings, self.database, opened_sha256, self._opened.model_mark)

    def _served_breaks(self) -> tuple[Break, ...]:
        return served_breaks(self.settings, self.database.unlimited(), self.shelf)

    def work_batches(self, every_minute: Callable[[], object] = lambda: None) -> None:
        """Process batches until the process is stopped, and call `every_minute` between photos.

        Photos are judged in a child process, which is replaced if it dies.
        """
        worker = worker_name()
        loop = BatchWork(
            begin=lambda: self.batch_book.release(worker),  # what a child that died had leased
            judge_next=lambda last, held: self.batches.judge_next(
                worker, self.pipeline, after=last, without=held
            ),
            every_minute=(self._sweep, every_minute),
        )

        def run(stop: StopSignal) -> None:
            _forget_queue(self.settings.batch_dir)
            self.start_log_threads()
            loop.run(stop)
            self.stop_log_threads()

        work(run)

    def _sweep(self) -> None:
        Scrubber(self.database).finish()
        self.waiting_room.sweep(self.batch_book.unfinished, self.now())
        self.sweep_imports()

    def sweep_imports(self) -> None:
        """Delete uploads of reference photos that were not used in time."""
        self.import_spool.sweep(self.now(), timedelta(days=self.settings.import_days))

    def _start_import(self, import_id: str, lock: int) -> None:
        start_command(("import", "work", import_id, "--lock", str(lock)), environment_of(self.settings), lock)

    def switcher(self) -> Switcher:
        """Return the service that switches index builds.

        Raises:
            BundleError: the model cannot be used.
        """
        return make_switcher(load_document(self.settings.bundle_dir), self.shelf, self.database, self.now)

    def gallery(self, label: str) -> LiveGallery:
        """Return the reference faces of a build "name/build" with current changes.

        Raises:
            BuildNotFound: there is no such build.
            IndexDamaged: its faces cannot be read.
        """
        self.shelf.open_build(label)  # open files stay readable after another process retired them
        return LiveGallery(self._gallery(label), label.partition("/")[0], self.shelf.face_changes())

    def face_lister(self, label: str) -> FaceLister:
        """Return what lists the reference faces of a build "name/build" with estimates and current changes.

        Raises:
            BuildNotFound: there is no such build.
            IndexDamaged: its faces cannot be read.
        """
        return self.gallery(label).lister(self._face_facts(label), self.shelf.calibration(label))

    def _read_face_facts(self, label: str) -> FaceFacts:
        return read_facts(self.shelf.open_build(label), self._gallery(label).faces)

    def build_figures(self, label: str) -> BuildFigures:
        """Return the figures of a build "name/build" for comparisons, without later changes of faces.

        Raises:
            BuildNotFound: there is no such build.
            IndexDamaged: its files cannot be read.
        """
        shelf, faces = self.shelf, self._gallery(label).faces
        manifest = shelf.manifest(label)
        return build_figures(manifest, faces.ages_years, shelf.estimates(label), manifest.calibration)

    def model_document(self) -> Bundle:
        """Return the model.json in service.

        Raises:
            BundleError: it cannot be read.
        """
        return load_document(self.settings.bundle_dir)

    def model_card(self) -> dict[str, Any] | None:
        """Return the model card, or None for a model without one.

        Raises:
            BundleDamaged: it cannot be understood.
        """
        return read_card(self.settings.bundle_dir)

    def current_build(self) -> str | None:
        """Return the label of the build in service, or None."""
        try:
            current = self._opened.current
            if current is not None and isinstance(current.problem, IndexNotServed):
                return current.get().label
            return self.shelf.current()
        except IndexUnusable:
            return None

    def recall(self, label: str) -> Recall | None:
        """Return the recall of a build, or None if it is unusable."""
        try:
            return self._recall(label).recall
        except IndexUnusable:
            return None

    def timed_recall(self, label: str, queries: int = QUERIES, k: int = K) -> TimedRecall:
        """Measure a build "name/build" against an exact search.

        Raises:
            IndexUnusable: it cannot be used.
            BundleError: the model cannot be read.
        """
        index = open_index(self.shelf.open_build(label), self.model_document().sha256)
        return measure_recall(index, queries, k)

    def model_page(self) -> ModelPage:
        """Return the description of the model in service.

        Raises:
            BundleError: the model or its card cannot be used.
        """
        bundle = load_document(self.settings.bundle_dir)
        card = read_card(bundle.folder)
        parts = card_parts(card) if card else model_parts(bundle.raw, bundle.version, bundle.sha256)
        sources = tuple(str(name) for name in bundle.raw.get("training", {}).get("sources", ()))
        return ModelPage(
            bundle.version,
            bundle.sha256,
            card is not None,
            parts,
            plots(bundle.folder),
            sources,
            states_terms=card is not None or "terms" in bundle.raw,
            engine=self.settings.engine,
            age_prior=self.settings.age_prior.short if self.settings.age_prior else "",
        )

    def card_plot(self, name: str) -> bytes:
        """Return a plot of the model card as PNG bytes.

        Raises:
            PlotNotFound: there is no plot with this name.
        """
        return read_plot(self.settings.bundle_dir, name)

    def log_start(self) -> None:
        """Log settings and model if they changed since the last start, and builds of earlier versions.

        Raises:
            BundleError: the model cannot be used, or may not go into service.
            StoreError: the database cannot be used.
        """
        try:
            face_sha256s = self.shelf.journal.sha256s()
        except IndexUnusable:  # told when an estimate is asked for
            face_sha256s = ()
        log_start(self.log, shown(self.settings), face_sha256s, self.database.host)
        ServedLog(self.database).log_earlier_builds()
        admit(self.database, load_document(self.settings.bundle_dir))

    def warm_up(self) -> None:
        """Warm up every engine with a grey square.

        Raises:
            BundleError: the model cannot be used.
            IndexUnusable: no index can be used.
        """
        pipeline = self.pipeline()
        side = pipeline.model.input_px
        grey = np.full((side, side, 3), 127, dtype=np.uint8)
        pipeline.detector.detect(Photo(grey, side, side, "none"))
        prediction = pipeline.model.predict([Crop(grey)])
        pipeline.index().search(prediction.embeddings[0], pipeline.neighbours)

    def _open_pipeline(self) -> EstimatePipeline:
        from simsvc.adapters.ops.metrics import note_estimate  # noqa: PLC0415 - after a worker forked, see there

        settings = self.settings
        self._opened.model_mark = read_changed(settings.index_root).model
        database = self.database.unlimited()
        bundle = open_bundle(settings, database)
        model = served_model(bundle, settings.engine, settings.threads)
        check_prior(model, settings.age_prior)
        self._keep_model(bundle)
        guard = index_guard(database, self.shelf)
        current = CurrentIndex(settings.index_root, model.sha256, guard, self.shelf.state, self.shelf)
        self._opened.current = current
        return EstimatePipeline(
            detector=detector_of(bundle),
            model=model,
            index=self._opened.current.get,
            recorder=self.estimates,
            neighbours=settings.neighbours,
            max_bytes=settings.max_upload_bytes,
            rules=parse_rules(bundle.raw, bundle.sha256),
            bundle_sha256=bundle.document_sha256,
            one_vote=bundle.reading >= ONE_VOTE_READING,
            age_prior=settings.age_prior,
            keep_photos=settings.photo_days > 0,
            recorded=note_estimate,
            decoder=self.decoder,
            admitted=self.admit,
        )

    def _keep_model(self, bundle: Bundle) -> None:
        """Keep a copy of the model in service and record it, ignoring failures."""
        try:
            self.models.keep(bundle)
            self.model_switches.note(bundle.document_sha256, bundle.sha256, bundle.version, self.now())
        except (BundleError, OSError, StoreError) as error:
            _log.error("the model in service is not kept, so its estimates may not be replayed: %s", error)


def _read_log(store: ReadStore, settings: Settings) -> ReadLog:
    """Return what logs reads; it starts a thread with the first one, thus after a server's workers fork."""
    if not settings.audits_reads:
        return NoReadLog()
    return ReadQueue(store.write, required=settings.require_read_log, lost=count_lost_reads)


def count_lost_reads(count: int) -> None:
    """Count views that will never be in the log, for `/metrics`."""
    from simsvc.adapters.ops.metrics import note_lost_reads  # noqa: PLC0415 - after a worker forked, see there

    note_lost_reads(count)


def _channels(settings: Settings) -> tuple[Channel, ...]:
    channels: dict[Channel, str] = {"webhook": settings.webhook_url, "mail": settings.smtp_url}
    return tuple(channel for channel, address in channels.items() if address)


def private_places(settings: Settings) -> PrivatePlaces:
    """Return the private files and folders of the service."""
    file = sqlite_file(settings.database_url)
    database = sqlite_files(file) if file else ()
    own = (settings.index_root, settings.model_root, settings.batch_dir, settings.import_dir)
    folders = (*own, settings.cache_dir) if settings.objects else own
    home = settings.secret_key_file.parent  # unless run in the root folder
    homes = (home,) if home.name == "var" and len(home.parts) > 2 else ()
    keys = (settings.secret_key_file, settings.log_key_path, LogStateFile(settings.log_key_path.parent).path)
    return PrivatePlaces(folders, (*homes, *keys, *database))


def in_use_lock(settings: Settings) -> Path:
    """Return the file that the service and its batch workers lock: beside SQLite's, or else of this host."""
    file = sqlite_file(settings.database_url)
    return file.with_name(f"{file.name}.in-use") if file else settings.index_root / ".in-use"


def helpers_of_command() -> int:
    """Return how many decode for a command that uses all cores: one on two cores keeps it below 1 GB."""
    return max(1, cores() // 2)


def shown(settings: Settings) -> dict[str, str]:
    """Return what may be logged: everything but secrets, addresses without their passwords."""
    plain = {
        name: str(getattr(settings, name)) for name, field in Settings.model_fields.items() if field.repr
    }
    safe = {name: without_password(plain[name]) for name in ("database_url", "rate_storage")}
    return {**plain, **safe, **places(settings)}


def places(settings: Settings) -> dict[str, str]:
    """Return where the log is witnessed and streamed to, without passwords: changes of that are logged."""
    witnesses = ", ".join(witness.name for witness in make_witnesses(settings, utc_now))
    return {"witnesses": witnesses, "event_stream": sink(settings).name if settings.event_stream else ""}


def open_database(settings: Settings) -> Database:
    """Return the database without constructing engines.

    Raises:
        StoreError: the database URL cannot be used.
    """
    host = "" if sqlite_file(settings.database_url) else settings.host
    return Database(settings.database_url, settings.database_pool, settings.statement_timeout_ms, host)


def _forget_queue(folder: Path) -> None:
    """Delete the queue of versions before 0.2, which kept one beside the database."""
    for file in sqlite_files(folder / "queue.sqlite3"):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def make_switcher(
    bundle: Bundle, shelf: IndexStore, database: Database, now: Callable[[], datetime]
) -> Switcher:
    """Return the service that switches index builds."""
    store = BuildStore(database)

    guard = index_guard(database, shelf)

    def record(manifest: Manifest, faces: Sequence[LabelledFace], what: What) -> None:
        with suppress(IndexUnusable):  # a new log takes the build in service before it has another one
            current = shelf.current()
            if current is not None and current != manifest.label:
                guard.logged(current)
        store.record(manifest, shelf.face_changes().kept(faces), what=what)

    def logged(label: str) -> Set[str]:
        return guard.logged(label).manifests

    return Switcher(shelf, SwitchStore(database), bundle.version, bundle.sha256, record, logged, now)
