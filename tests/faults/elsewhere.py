"""Which tests beside the matrix prove a row, and what is not shown."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Proof(Struct, frozen=True, kw_only=True):
    """Tests as `path::function`, and, where something is not shown, why not."""

    tests: tuple[str, ...]
    not_shown: str = ""


_LEDGER = "tests/faults/test_ledger_"

ELSEWHERE: Mapping[int, Proof] = {
    3: Proof(
        tests=(
            "tests/unit/wire/test_below_recording.py::test_a_name_that_does_not_resolve_is_dns",
        ),
        not_shown="A cache of names: the hub has none, and leaves their lifetime to the resolver.",
    ),
    11: Proof(tests=("tests/faults/test_bursts.py::test_a_half_fast_source_builds_no_queue",)),
    12: Proof(
        tests=("tests/unit/wire/test_transport.py::test_exactly_as_many_bytes_as_the_cap_are_read",)
    ),
    13: Proof(
        tests=(
            "tests/unit/wire/test_transport.py::test_a_compressed_answer_is_recorded_as_it_came",
        ),
        not_shown="A real br body: nothing here writes one; its name alone has it refused.",
    ),
    16: Proof(
        tests=(
            "tests/unit/wire/test_transport.py::test_an_unsolicited_answer_reaches_nobody",
            "tests/unit/wire/test_oauth.py::test_an_answer_left_on_a_connection_is_never_taken_for_a_token",
        )
    ),
    21: Proof(tests=("tests/contract/age/test_platform.py::test_an_unknown_person_is_empty",)),
    22: Proof(
        tests=(
            "tests/unit/wire/test_oauth.py::test_a_source_that_refuses_every_token_is_asked_no_third_time",
        )
    ),
    23: Proof(tests=("tests/unit/wire/test_guard.py::test_a_source_cannot_say_never",)),
    24: Proof(
        tests=(
            "tests/faults/test_load.py::test_a_source_that_always_fails_is_not_asked_much_more_than_was_wished",
            "tests/faults/test_bursts.py::test_a_burst_of_failures_costs_the_source_little",
        )
    ),
    25: Proof(
        tests=(
            "tests/faults/test_bursts.py::test_a_flapping_source_moves_the_breaker_seldom",
            "tests/unit/wire/test_guard.py::test_recovery_is_a_ramp",
        )
    ),
    26: Proof(
        tests=(
            "tests/faults/test_bursts.py::test_one_of_a_hundred_is_the_probe",
            "tests/unit/wire/test_breaker.py::test_a_half_open_breaker_lets_one_of_a_hundred_through",
        )
    ),
    27: Proof(
        tests=(
            "tests/faults/test_hang_up.py::test_clients_that_hang_up_leave_nothing_behind",
            "tests/faults/test_hang_up.py::test_who_stays_is_served_while_thousands_leave",
            "tests/faults/test_hang_up.py::test_over_sockets_no_connection_is_left",
            "tests/unit/wire/test_cancelling.py::test_no_moment_of_a_cancellation_leaves_a_connection_busy",
        )
    ),
    28: Proof(
        tests=("tests/unit/wire/test_fault.py::test_a_fault_is_its_code_and_never_its_text",)
    ),
    34: Proof(
        tests=("tests/unit/wire/test_xml.py::test_includes_and_schema_locations_are_left_alone",)
    ),
    37: Proof(tests=("tests/unit/wire/test_xml.py::test_nothing_splits_an_identifier",)),
    38: Proof(
        tests=("tests/unit/wire/test_xml.py::test_a_name_survives_every_encoding_on_the_list",)
    ),
    41: Proof(
        tests=(
            "tests/faults/test_tls.py::test_a_certificate_that_does_not_vouch_is_a_tls_failure",
        ),
        not_shown="Revocation: Python does not check it.",
    ),
    42: Proof(
        tests=(
            "tests/unit/wire/test_signature.py::test_a_key_that_is_not_the_certificate_s_stops_the_start",
            "tests/unit/wire/test_signature.py::test_nothing_is_signed_with_an_expired_certificate",
        ),
        not_shown="A certificate of the hub in TLS: no configured source asks for one.",
    ),
    44: Proof(
        tests=(
            "tests/unit/wire/test_signature_bare.py::test_a_bare_signature_vouches_for_one_body_in_one_form",
            "tests/unit/wire/test_signature.py::test_no_change_of_bytes_yields_another_body",
        )
    ),
    45: Proof(
        tests=("tests/contract/age/test_answers.py::test_an_answer_to_another_request_is_a_replay",)
    ),
    46: Proof(
        tests=("tests/contract/age/test_platform.py::test_a_request_is_of_today_or_of_yesterday",),
        not_shown="An NTP offset as a figure: it belongs to the machine's own monitoring.",
    ),
    47: Proof(
        tests=(
            "tests/contract/age/test_batch_runs.py::test_everybody_in_a_file_is_asked_about_once_and_answered_for",
            "tests/contract/age/test_batch_runs.py::test_an_answer_about_somebody_erased_meanwhile_is_dropped",
            "tests/unit/position/test_obtain.py::test_a_held_answer_is_gone_after_a_minute",
        )
    ),
    48: Proof(
        tests=(
            "tests/unit/wire/test_odata.py::test_links_to_elsewhere_are_refused",
            "tests/unit/wire/test_odata.py::test_a_circle_of_links_is_left",
        ),
        not_shown="$batch and stale CSRF tokens: the hub sends neither batches nor writes.",
    ),
    50: Proof(
        tests=("tests/faults/test_whole_hub.py::test_with_every_source_down_the_hub_says_so",)
    ),
    51: Proof(
        tests=("tests/faults/test_whole_hub.py::test_one_fast_source_is_served_among_slow_ones",),
        not_shown="The fast block ahead of the others: there is no stream of blocks (SSE) yet.",
    ),
    52: Proof(
        tests=(
            f"{_LEDGER}faults.py::test_a_full_disk_refuses_and_a_freed_one_works_again",
            f"{_LEDGER}faults.py::test_a_write_that_fails_is_told_and_the_next_one_works",
            f"{_LEDGER}killed.py::test_a_kill_around_a_commit_loses_nothing_acknowledged",
            f"{_LEDGER}killed.py::test_a_kill_at_any_moment_loses_nothing_acknowledged",
            "tests/e2e/test_evidence.py::test_without_a_record_nothing_is_asked_and_nothing_shown",
        )
    ),
    53: Proof(
        tests=(
            f"{_LEDGER}corrupted.py::test_a_corruption_is_found_and_named",
            f"{_LEDGER}restored.py::test_an_old_backup_is_detected_by_the_copy_outside",
        )
    ),
    54: Proof(
        tests=(
            "tests/unit/test_settings.py::test_every_fault_is_listed_at_once",
            "tests/e2e/test_reload.py::test_a_bad_file_is_refused_with_every_fault_and_the_old_one_is_served",
            "tests/e2e/test_reload.py::test_what_only_shows_when_parts_are_made_is_listed_at_once_too",
        ),
    ),
    55: Proof(
        tests=(
            "tests/unit/api/test_keysets.py::test_keys_live_on_while_the_issuer_is_down",
            "tests/unit/api/test_keysets.py::test_invented_key_ids_cost_one_fetch_in_half_a_minute",
            "tests/unit/api/test_keysets.py::test_a_hostile_issuer_gives_no_keys",
            "tests/faults/test_attack_tokens.py::test_every_attack_token_is_refused_over_the_socket",
        )
    ),
    56: Proof(
        tests=(
            "tests/unit/api/test_admission.py::test_the_fifth_of_four_is_refused_at_once",
            "tests/unit/api/test_admission.py::test_health_and_audit_are_never_refused",
        ),
        not_shown="The part of capacity that is still answered: `make overload` measures it.",
    ),
    57: Proof(
        tests=(
            "tests/unit/api/test_admission.py::test_a_loop_that_lags_has_fewer_places",
            "tests/faults/test_large_answers.py::test_everybody_else_is_served_while_a_large_answer_is_read",
            "tests/unit/api/test_loopwatch.py::test_a_turn_that_comes_late_is_counted_as_late",
        ),
    ),
    58: Proof(
        tests=(
            "tests/faults/test_whole_hub.py::test_who_is_asking_when_the_hub_is_told_to_stop_is_answered",
        ),
        not_shown="`event: bye` at the end of a stream: there are no streams yet.",
    ),
}
