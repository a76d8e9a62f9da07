//! The suite that every backend passes: one promise per function, through the public interface only.
//!
//! A backend's own test file is one line: `conformance::suite!(world)`, with a function that gives a [`world::World`] with an
//! empty store of that kind. What a backend must promise is added here, not in its own file.

pub(crate) mod claims;
pub(crate) mod deaths;
pub(crate) mod deliveries;
pub(crate) mod ends;
pub(crate) mod leases;
pub(crate) mod lists;
pub(crate) mod prunes;
pub(crate) mod queues;
pub(crate) mod recalls;
pub(crate) mod replays;
pub(crate) mod restarts;
pub(crate) mod submits;
pub(crate) mod world;

/// Stamps every promise as a test on the backend whose worlds `$world` makes.
macro_rules! suite {
    ($world:path) => {
        $crate::conformance::promises! { $world;
            submits {
                a_submitted_job_is_read_as_it_was_asked,
                a_job_needs_an_open_service_and_a_queue_of_its_bucket,
                a_full_queue_takes_no_job_until_one_leaves,
                a_job_is_visible_only_through_its_bucket,
                jobs_come_in_the_order_asked_and_missing_ones_are_left_out,
                an_id_that_is_used_twice_fails_alone,
                a_repeat_of_a_submit_is_the_same_job,
                only_a_marked_repeat_of_the_same_request_is_the_same_job,
                a_job_that_breaks_a_rule_of_the_schema_fails_alone,
                a_thousand_callers_at_once_are_all_answered,
            }
            claims {
                a_claimed_job_runs_with_a_start_time,
                higher_levels_come_first_then_older_jobs,
                no_more_than_the_slots_are_taken_and_the_rest_is_due_at_once,
                a_flooding_bucket_does_not_hold_up_another,
                no_more_jobs_of_a_queue_run_than_may,
                a_paused_queue_keeps_its_jobs_and_gives_them_back_in_order,
                an_empty_store_gives_nothing_and_knows_no_next_time,
                waiting_workers_are_woken_by_what_makes_work_due,
            }
            leases {
                a_lease_is_kept_by_renewal,
                progress_rises_and_shows_a_hundred_only_at_success,
                a_lapsed_lease_is_taken_over_and_the_old_token_is_refused,
                a_lapsed_lease_that_nobody_took_can_still_settle,
                a_lapsed_job_shows_as_waiting,
                a_lease_that_nobody_takes_up_is_told,
                a_wall_clock_that_jumps_takes_no_lease_away_and_holds_nobody_up,
                a_checkpoint_goes_to_the_next_holder_whatever_ended_the_lease,
                a_checkpoint_ends_with_the_hashing,
                an_attempt_given_back_is_not_counted,
                a_failed_attempt_waits_for_its_delay_and_is_counted,
                an_outcome_of_the_wrong_stage_changes_nothing,
                a_result_without_exactly_the_digest_asked_for_changes_nothing,
            }
            ends {
                a_hashed_job_has_its_facts_and_an_end_time,
                a_failed_job_has_its_error_and_an_end_time,
                a_waiting_job_can_be_cancelled,
                a_running_job_can_be_cancelled_and_its_worker_loses_the_lease,
                cancelling_is_idempotent_and_refused_after_another_end,
                shown_times_never_run_backwards,
                one_and_only_one_end_is_reached_in_races,
                counts_follow_every_move,
            }
            deliveries {
                a_callback_is_due_as_soon_as_the_job_ends,
                the_target_is_what_the_queue_says_when_the_job_ends,
                a_cancelled_job_calls_nobody_back,
                a_callback_not_taken_is_sent_again_after_its_delay,
                a_callback_given_up_is_recorded,
                callbacks_of_a_receiver_that_is_held_back_become_due_later_and_say_why,
                callbacks_are_delivered_in_the_order_in_which_they_became_due,
                a_paused_queue_does_not_hold_up_callbacks,
            }
            replays {
                every_attempt_is_recorded_in_order,
                a_postponed_callback_keeps_its_attempts_and_says_why,
                a_record_holds_the_latest_attempts_and_no_more,
                a_record_leaves_with_its_job,
                a_failed_callback_can_be_replayed_and_begins_anew,
                what_cannot_be_replayed_is_told_and_unchanged,
                a_replay_and_failed_callbacks_survive_a_restart,
                deliveries_are_listed_by_state_bucket_and_time_in_pages,
                due_callbacks_are_listed_in_pages_also_when_many_are_due_at_once,
                when_more_is_due_than_is_claimed_half_is_what_became_due_last,
            }
            lists {
                a_list_holds_every_job_of_the_bucket_in_order_of_creation,
                each_state_lists_exactly_its_jobs,
                paging_meets_every_job_once_while_jobs_come_and_end,
                a_list_is_bounded_by_creation_time_to_the_millisecond,
                a_list_of_one_queue_holds_only_its_jobs,
            }
            prunes {
                only_jobs_that_ended_before_are_pruned_and_at_most_the_limit,
                a_job_whose_callback_is_due_is_not_pruned,
            }
            recalls {
                a_result_is_found_for_the_same_version_of_the_same_object_and_for_nothing_else,
                the_newest_of_several_results_of_a_version_is_found,
                a_result_that_was_not_settled_with_its_version_is_never_found,
                a_result_is_found_after_a_restart_and_leaves_with_its_job,
                that_a_job_wants_a_reading_of_its_own_is_kept_over_a_restart,
            }
            queues {
                opening_a_service_makes_its_first_queue_once,
                a_queue_is_read_as_it_was_put,
                a_queue_needs_an_open_service,
                a_new_queue_has_the_defaults_but_for_what_is_said,
                a_change_of_a_queue_leaves_the_rest_as_it_is,
                closing_a_service_cancels_what_waits_and_lets_finish_what_runs,
                a_service_opened_again_has_a_new_queue_and_its_old_jobs,
            }
            deaths {
                a_job_that_kills_whoever_works_on_it_fails_and_is_called_back_and_no_other_job_suffers,
                what_a_process_died_with_is_run_again_one_at_a_time,
                a_death_counts_only_when_the_job_was_alone_and_showed_no_progress,
                who_stops_in_order_or_loses_a_lease_killed_nobody,
                a_job_is_found_although_large_ones_go_on_beside_it,
                suspects_that_are_slow_hold_nobody_up_for_long,
                suspects_that_cannot_run_hold_nobody_up,
            }
            restarts {
                everything_is_there_after_a_restart,
                leases_of_a_dead_process_are_released_and_not_counted,
                a_token_of_a_former_process_is_never_valid_again,
                nothing_waits_longer_than_its_longest_pause_after_the_clocks_went_back,
                a_second_open_is_refused_and_names_the_store,
                a_closed_store_says_so,
            }
        }
    };
}

macro_rules! promises {
    ($world:path; $($noun:ident { $($promise:ident,)* })*) => {
        $(
            mod $noun {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $promise() {
                        $crate::conformance::$noun::$promise($world()).await;
                    }
                )*
            }
        )*
    };
}

pub(crate) use {promises, suite};
