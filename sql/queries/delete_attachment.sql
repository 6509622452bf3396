DELETE FROM attachments WHERE volume = :volume AND host = :host;
